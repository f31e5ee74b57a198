import { expect, test } from 'vitest'
import { hostList, isAllowedHost } from '../drizzle/contract/host-list.ts'

const allows = (list: string, url: string) => isAllowedHost(hostList().parse(list), new URL(url))

test.each([
  ['models.example', 'http://models.example'],
  ['models.example', 'https://MODELS.example:8443/v1?x'],
  ['a, models.example ,', 'http://models.example'],
  ['MODELS.example', 'http://models.example'],
  ['models.example:443', 'https://models.example'],
  ['models.example:80', 'http://models.example'],
  ['models.example:8000', 'http://models.example:8000'],
  ['*.example', 'http://a.example'],
  ['*.gpu.example', 'http://a.b.gpu.example:1'],
  ['*.gpu.example:8443', 'https://a.gpu.example:8443'],
  ['127.0.0.1', 'http://0x7f.1'],
  ['127.0.0.1:11434', 'http://2130706433:11434'],
  ['[::1]', 'http://[0:0::1]:8000'],
  ['[::1]:8000', 'http://[::1]:8000'],
  ['bücher.example', 'http://xn--bcher-kva.example'],
  ['worker_1', 'http://worker_1:8000'],
])('%s allows %s', (list, url) => {
  expect(allows(list, url)).toBe(true)
})

test.each([
  ['models.example', 'http://xmodels.example'],
  ['models.example', 'http://a.models.example'],
  ['models.example', 'http://models.example.evil'],
  ['models.example', 'http://models.example.'],
  ['models.example', 'http://models.example@evil.example'],
  ['models.example:8000', 'http://models.example'],
  ['models.example:80', 'https://models.example'],
  ['models.example:443', 'http://models.example'],
  ['*.gpu.example', 'http://gpu.example'],
  ['*.gpu.example', 'http://evilgpu.example'],
  ['*.gpu.example:8443', 'http://a.gpu.example:8444'],
  ['127.0.0.1', 'http://127.0.0.2'],
  ['127.0.0.1', 'http://localhost'],
  ['127.0.0.1', 'http://[::ffff:127.0.0.1]'],
])('%s does not allow %s', (list, url) => {
  expect(allows(list, url)).toBe(false)
})

test.each([
  ',',
  '*',
  '*.',
  '*:80',
  'a.*.example',
  'http://a',
  'a/b',
  'a:0',
  'a:65536',
  'a:b',
  'user@a',
  'a b',
  '::1',
  '[::1',
  '*.0.0.1',
  '*.[::1]',
  '10.0.0.0/8',
  'a%2eb',
  'models.example, *',
])('%j is no list of hosts', (list) => {
  expect(hostList().safeParse(list).success).toBe(false)
})
