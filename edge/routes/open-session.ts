import { headersNamed } from '../documented-headers.ts'
import { demandOwnPage } from '../identity.ts'
import { isHttps } from '../is-https.ts'
import type { Operation } from '../operation.ts'

export const openSession: Operation = {
  access: 'public',
  route: {
    method: 'post',
    path: '/v1/session',
    summary: 'Let a visitor in',
    description:
      'Sets the cookie by which a browser is known again, where the gateway lets visitors in (`VISITORS=on`). Who has one keeps it.',
    tags: ['Visitors'],
    answers: {
      204: { description: 'The cookie is set.', headers: headersNamed('Set-Cookie') },
    },
    errors: ['forbidden'],
  },

  async handle(c) {
    demandOwnPage(c)
    await c.var.identities.welcome(c, { secure: isHttps(c) })
    return c.body(null, 204)
  },
}
