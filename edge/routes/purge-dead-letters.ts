import { purged, purgeQuery } from '../../drizzle/contract/operators-api.ts'
import { ApiError } from '../api-error.ts'
import { check, json, type Operation } from '../operation.ts'
import { purgeLetters } from '../purge-letters.ts'

export const purgeDeadLetters: Operation = {
  access: 'operator',
  route: {
    method: 'delete',
    path: '/v1/dead-letters',
    summary: 'Delete the dead letters that fit all that is said',
    description:
      'Say at least one thing: `older_than_days=0` means all. 10,000 a request; repeat it while `more` is true. The tasks stay as they are.',
    tags: ['Operations'],
    request: { query: purgeQuery },
    answers: { 200: { description: 'Deleted.', content: json(purged) } },
    errors: ['invalid_request', 'unavailable'],
  },

  async handle(c) {
    const { older_than_days, kind, replayed } = check(purgeQuery, c.req.query())
    if (older_than_days === undefined && kind === undefined && replayed === undefined) {
      const message =
        'Say which dead letters are to go: older_than_days, replayed=true or kind. All of them: older_than_days=0.'
      throw new ApiError('invalid_request', message)
    }
    const answer = await purgeLetters(c, {
      ids: null,
      kind: kind ?? null,
      olderThanDays: older_than_days ?? null,
      replayed: replayed !== undefined,
    })
    return c.json(answer)
  },
}
