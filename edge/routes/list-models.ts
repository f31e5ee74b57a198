import { type Models, models } from '../../drizzle/contract/http-api.ts'
import { familyOfModel, MODEL_FAMILIES } from '../../drizzle/contract/models.ts'
import { log } from '../log.ts'
import { json, type Operation } from '../operation.ts'
import { RedisError } from '../upstash.ts'

export const listModels: Operation = {
  access: 'owner',
  route: {
    method: 'get',
    path: '/v1/models',
    summary: 'List the models',
    description: 'Names that fit a listed family are accepted too, e.g. any `qwen…`.',
    tags: ['Models'],
    answers: { 200: { description: 'The models.', content: json(models) } },
    errors: [],
  },

  async handle(c) {
    const workers = await c.var.redis.workers().catch((error: unknown) => {
      if (!(error instanceof RedisError)) throw error
      log('warn', 'workers unknown', { code: error.code, request_id: c.var.requestId })
      return []
    })
    const served = new Set(workers.flatMap(({ families }) => families))
    const answer: Models = {
      object: 'list',
      data: MODEL_FAMILIES.flatMap((family) =>
        family.models.map((id) => {
          const { accepts, makes, reasoning } = familyOfModel(id)!
          return {
            id,
            object: 'model' as const,
            owned_by: family.ownedBy,
            family: family.family,
            accepts: Object.keys(accepts),
            makes: [...makes],
            reasoning,
            available: served.has(family.family),
          }
        }),
      ),
    }
    return c.json(answer)
  },
}
