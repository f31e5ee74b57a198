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
      "identity.by === 'cookie' && changes",
      'false',
      'on node > with a cookie, changes come from our own page only',
    ],
    [
      "c.set('postgres', postgresAfter(admitted, c.var.postgres))",
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
      'return this.ofKey(authorization)',
      '{\n      const keyed = await this.ofKey(authorization)\n      if (keyed) return keyed\n    }',
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
  ...inFile('edge/guard.ts', 'test/identity.test.ts', [
    [
      "c.set('files', c.var.files && filesAfter(admitted, c.var.files))",
      '',
      'an upload that is one too many stores no object',
    ],
    [
      'if (c.res.status === 401 || c.res.status === 403) await count(c)',
      '',
      'who guesses keys, tokens or signatures is counted',
    ],
  ]),
  ...inFile('edge/routes/open-session.ts', 'test/identity.test.ts', [
    [
      'address && !(await identities.of(c))',
      'address',
      'an address may bring so many new visitors a minute, and those it has as often as they like',
    ],
  ]),
  ...inFile('edge/limiter.ts', 'test/identity.test.ts', [
    [
      'this.restsUntil = Date.now() + REST_MS\n      return []',
      'throw new Error()',
      'while the Redis of the limits is away, nobody is refused',
    ],
  ]),
  ...inFile('edge/address-of.ts', 'test/address-of.test.ts', [
    ['.slice(0, 4)', '.slice(0, 3)', '2001:db8:1:2:3:4:5:6 counts as 2001:db8:1:2::/64'],
  ]),
  ...inFile('edge/page/client/session.ts', 'test/page.test.ts', [
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
