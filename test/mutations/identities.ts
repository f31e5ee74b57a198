import { inFile, type Mutation } from './mutation.ts'

/** Guards of who is let in, and how often. */
export const IDENTITIES: Mutation[] = [
  ...inFile('edge/guard.ts', 'test/identity.test.ts', [
    [
      'if (!identity) return admitted.then(refuseNobody)',
      "if (!identity) c.set('owner', 'anybody')\n      else",
      'on node > nobody gets in, but to what is public',
    ],
    [
      "identity.by === 'cookie' && !isSafe(c)",
      'false',
      'on node > with a cookie, changes come from our own page only',
    ],
    [
      "if (!readsAtOnce(c)) c.set('postgres', after(admitted, c.var.postgres))",
      '',
      'a submit that is one too many stores nothing',
    ],
  ]),
  ...inFile('edge/app.ts', 'test/identity.test.ts', [
    [
      "if (c.req.path.startsWith('/v1/')) ",
      'if (false) ',
      'on node > nobody gets in, but to what is public',
    ],
  ]),
  ...inFile('edge/identity.ts', 'test/identity.test.ts', [
    [
      'if (authorization !== undefined) return this.ofKey(authorization)',
      'const keyed = await this.ofKey(authorization ?? "")\n    if (keyed) return keyed',
      'on node > a key must be the right one, whole, and is taken before any cookie',
    ],
    [
      "site ? site === 'same-origin' : from === new URL(c.req.url).host",
      "site === 'same-origin' || from === new URL(c.req.url).host",
      'on node > with a cookie, changes come from our own page only',
    ],
    [
      '(await this.visitorOf(c)) ?? uuidv7()',
      'uuidv7()',
      'on node > a visitor has what it sends, and nobody else has it',
    ],
  ]),
  ...inFile('edge/limiter.ts', 'test/identity.test.ts', [
    [
      'this.restsUntil = Date.now() + REST_MS\n      return []',
      'throw new Error()',
      'while the Redis of the limits is away, nobody is refused',
    ],
  ]),
  ...inFile('edge/address-of.ts', 'test/identity.test.ts', [
    [
      '.slice(0, 4)',
      '.slice(0, 3)',
      'each minute an owner and an address have so many requests, in one call to Redis',
    ],
  ]),
  ...inFile('edge/page/session.ts', 'test/page.test.ts', [
    [
      "method: 'POST', signal }",
      "method: 'POST' }",
      'the chat page > a tab whose session request is stuck keeps no other tab from getting in',
    ],
    [
      ' || refused',
      '',
      'where visitors are not let in, the chat page > says so, and asks no more to be let in before it is loaded anew',
    ],
  ]),
]
