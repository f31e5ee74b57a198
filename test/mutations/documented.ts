import { inFile, type Mutation } from './mutation.ts'

const ANSWERS = 'answers what the document says, whatever it is sent'

/** What the OpenAPI document says, and what it is held to. */
export const DOCUMENTED: Mutation[] = [
  ...inFile('edge/request-body.ts', 'test/body-pauses.test.ts', [
    [
      'unlessPausing(readerOf(body), c.var.settings.MAX_BODY_PAUSE_MS)',
      'readerOf(body)',
      'on node > a body that stands still is answered after a while',
    ],
  ]),
  ...inFile('edge/api-error.ts', 'test/openapi.test.ts', [
    [
      "headers.set('WWW-Authenticate', 'Bearer')",
      '{}',
      `the running gateway > GET /v1/models ${ANSWERS}`,
    ],
  ]),
  ...inFile('edge/routes/retry-task.ts', 'test/openapi.test.ts', [
    [
      "errors: ['not_found', 'conflict', 'rate_limited', 'unavailable']",
      "errors: ['not_found', 'rate_limited', 'unavailable']",
      `the running gateway > POST /v1/tasks/{task_id}/retry ${ANSWERS}`,
    ],
  ]),
  ...inFile('drizzle/contract/http-api.ts', 'test/openapi.test.ts', [
    [
      'finish_reason: z.string().nullable()',
      'finish_reason: z.string()',
      `the running gateway > GET /v1/tasks/{task_id} ${ANSWERS}`,
    ],
  ]),
]
