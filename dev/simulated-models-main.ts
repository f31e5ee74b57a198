import { z } from 'zod'
import { integer, readSettings } from '../drizzle/contract/settings.ts'
import { startSimulatedModels } from './simulated-models.ts'

// The simulated models as a program of their own, for Docker Compose.
const { PORT, HOST } = readSettings(
  z.object({ PORT: integer(0, 65_535).default(8790), HOST: z.string().default('127.0.0.1') }),
  process.env,
)
const models = await startSimulatedModels({ host: HOST, port: PORT })
console.log(`simulated models ready ${models.url}`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => models.close().then(() => process.exit(0)))
}
