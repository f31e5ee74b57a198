import { networkOf } from '../address-of.ts'
import { headersNamed } from '../documented-headers.ts'
import { demandOwnPage } from '../identity.ts'
import { demandWithin } from '../limiter.ts'
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
    const { identities, limiter } = c.var
    const address = c.var.addressOf(c)
    // Each is an owner with limits of its own: they must not be had for nothing.
    if (address && !(await identities.of(c))) {
      demandWithin(await limiter.count({ newcomer: networkOf(address) }))
    }
    await identities.welcome(c)
    return c.body(null, 204)
  },
}
