import { findModels } from './find-models.ts'
import { startGateway } from './gateway.ts'
import { keyFile } from './identities.ts'
import { readEnvironment } from './read-environment.ts'
import { runParts } from './run-parts.ts'
import { startServices } from './services.ts'
import { startSimulatedModels } from './simulated-models.ts'
import { startWorker } from './start-worker.ts'

// All of Async-Chat on this machine: `npm start`.
runParts(async (add) => {
  const { environment: given, dataDir } = readEnvironment()
  const addresses = await startServices({ environment: given, dataDir }, add, console.log)
  const found = await findModels({
    environment: given,
    ollamaUrl: given.OLLAMA_URL,
    async startSimulated() {
      const models = await startSimulatedModels()
      add({ stop: models.close })
      return models.url
    },
  })
  const environment = { ...given, ...found.settings, ...addresses }
  const show = given.VERBOSE ? console.log : undefined
  const gateway = await startGateway({ environment, dataDir })
  add(gateway)
  const { url } = gateway
  // The worker fetches files there.
  const forWorker = { ...environment, GATEWAY_URL: environment.GATEWAY_URL ?? url }
  const worker = startWorker({ environment: forWorker, dataDir }, show).then((worker) => {
    add(worker)
    console.log(`worker   its log: ${worker.logFile}`)
  })
  await Promise.all([gateway.ready, worker])
  console.log(`models   ${found.line}`)
  console.log(`ready ${url}`)
  console.log(example(url, found.models, keyFile({ environment: given, dataDir })))
})

/** Asks three models at once, waits a little, and reads what they answered. */
function example(url: string, models: string[], keyFile: string | undefined): string {
  const key = keyFile ? `$(cat ${shellQuoted(keyFile)})` : 'A_KEY_OF_YOURS'
  const curl = `curl -s -H "Authorization: Bearer ${key}"`
  return [
    'open it in a browser, or paste this: it asks the models, and reads their answers 6 s later',
    `${curl} ${url}/v1/chat/completions -F 'prompt=Why is the sky blue?' -F 'model=${models.join(', ')}' | sed -n 's/.*"batch_id":"\\([^"]*\\)".*/\\1/p' | { read batch; sleep 6; ${curl} ${url}/v1/batches/$batch; }`,
  ].join('\n')
}

function shellQuoted(path: string): string {
  return /^[\w/.-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
