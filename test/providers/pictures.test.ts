import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type AllowedHost, hostList } from '../../drizzle/contract/host-list.ts'
import { type FilesDoor, openFiles } from '../../workers-node/files-door.ts'
import { log } from '../../workers-node/log.ts'
import { type FilesServer, startFilesServer } from '../setup/files-server.ts'
import { type Answer, type ModelServer, startModelServer } from '../setup/model-server.ts'
import { JPEG, PNG } from '../setup/pictures.ts'
import {
  asking,
  call as callTo,
  compatible,
  expectFault,
  geminiService,
  google,
  useModelServer,
} from '../setup/provider-calls.ts'

const MODEL = 'gemini-2.5-flash-image'
const server = useModelServer()
let gateway: FilesServer
let files: FilesDoor
/** What a worker may reach, and a model must not make it. */
let neighbour: ModelServer
const neighbourByName = () => `${neighbour.url.replace('127.0.0.1', 'localhost')}/images/1.png`

beforeAll(async () => {
  log.level = 'silent'
  gateway = await startFilesServer()
  neighbour = await startModelServer()
  files = openFiles(gateway.settings)
})
beforeEach(() => {
  gateway.kept.clear()
})
afterAll(async () => {
  await files.close()
  await gateway.close()
  await neighbour.close()
})

/** Asks for a picture. */
async function draw(at: typeof google, answer: Answer, pictureHosts: AllowedHost[] = []) {
  server().answer(() => answer)
  const task = { mode: 'image' as const, prompt: 'Draw a cat.' }
  const to = { ...asking(at(server().url), MODEL), pictureHosts }
  return callTo(to, { task, composing: { files } })
}

/** Every service that makes pictures. */
const PAINTERS: [string, typeof google][] = [
  ['Google', google],
  ['a Gemini service', geminiService],
  ['OpenRouter', compatible],
]

describe.each(PAINTERS)('%s:', (_, at) => {
  test('a picture is stored, and told of before the end', async () => {
    const came = await draw(at, [{ text: 'A cat:' }, { picture: PNG }])
    expect(came.error).toBeUndefined()
    expect(came.text).toBe('A cat:')
    expect(came.files).toEqual([{ fileId: expect.any(String), name: 'picture-1.png' }])
    expect(came.parts.at(-1)).toBe(came.end)
    const kept = gateway.kept.get(came.files[0]!.fileId)
    expect(kept).toEqual({ owner: 'local', type: 'image/png', bytes: PNG })
  })

  test('a picture without words is an answer', async () => {
    const { error, text, files } = await draw(at, [{ picture: PNG }])
    expect([error, text, files.length]).toEqual([undefined, '', 1])
  })

  test('words without a picture are none', async () => {
    const { error, text } = await draw(at, [{ text: 'A cat has four legs.' }])
    expectFault(error, { code: 'no_image_returned' })
    expect(text).toBe('A cat has four legs.')
  })

  test('nothing at all is no picture', async () => {
    expectFault((await draw(at, [])).error, { code: 'no_image_returned' })
  })

  test('a refusal is told apart, and its words come', async () => {
    const { error, text } = await draw(at, [{ text: '抱歉，我无法生成图片。' }])
    expectFault(error, { code: 'soft_refusal' })
    expect(text).toBe('抱歉，我无法生成图片。')
  })

  test('of an answer that is no good no picture is kept', async () => {
    const cut: Answer = [{ picture: PNG }, { finish: at === google ? 'MAX_TOKENS' : 'length' }]
    const { error, files } = await draw(at, cut)
    expectFault(error, { code: 'truncated' })
    expect([files, gateway.kept.size]).toEqual([[], 0])
  })

  test('a picture that cannot be stored is lost', async () => {
    gateway.instead.push((response) => void response.writeHead(413).end())
    const { error, end } = await draw(at, [{ picture: PNG }])
    expectFault(error, { code: 'picture_lost', node: 'unasked' })
    expect(end).toBeUndefined()
  })
})

test('Google is asked for pictures, and for no thoughts of a model that has none', async () => {
  await draw(google, [{ picture: PNG }])
  const { generationConfig } = server().requests[0]!.body
  expect(generationConfig).toEqual({ responseModalities: ['TEXT', 'IMAGE'] })
})

test('Google is asked for the thoughts of a model that reasons', async () => {
  server().answer(() => [{ text: 'Yes.' }])
  await callTo(google(server().url))
  const { generationConfig } = server().requests[0]!.body
  expect(generationConfig).toEqual({ thinkingConfig: { includeThoughts: true } })
})

test('an OpenAI-compatible service is asked for pictures where they are wanted', async () => {
  await draw(compatible, [{ picture: PNG }])
  expect(server().requests[0]!.body).toMatchObject({ modalities: ['image', 'text'] })
  server().answer(() => [{ text: 'Yes.' }])
  await callTo(compatible(server().url))
  expect(server().requests[1]!.body).not.toHaveProperty('modalities')
})

describe('pictures in the text of a Gemini service:', () => {
  const inText = async (...texts: string[]) =>
    draw(
      geminiService,
      texts.map((text) => ({ text })),
    )
  const data = `data:image/png;base64,${PNG.toString('base64')}`
  const kept = () => [...gateway.kept.values()].map(({ type, bytes }) => ({ type, bytes }))

  test('as Markdown with inline data, cut anywhere', async () => {
    const whole = `A cat: ![a cat](${data})\nVoilà.`
    for (const place of [3, 9, 18, 40, whole.length - 9]) {
      gateway.kept.clear()
      const came = await inText(whole.slice(0, place), whole.slice(place))
      expect(came.error).toBeUndefined()
      expect(came.text).toBe('A cat: \nVoilà.')
      expect(kept()).toEqual([{ type: 'image/png', bytes: PNG }])
    }
  })

  test('as bare inline data', async () => {
    const { error, text } = await inText(data)
    expect([error, text]).toEqual([undefined, ''])
    expect(kept()).toEqual([{ type: 'image/png', bytes: PNG }])
  })

  test('by a URL of the service itself, whole or not, whose type is seen by its bytes', async () => {
    server().gives.set('/images/1.png', JPEG)
    for (const url of [`${server().url}/images/1.png`, '/images/1.png']) {
      gateway.kept.clear()
      const { error, files } = await inText(`![cat](${url} "A cat")`)
      expect(error).toBeUndefined()
      expect(files.map(({ name }) => name)).toEqual(['picture-1.jpeg'])
      expect(kept()).toEqual([{ type: 'image/jpeg', bytes: JPEG }])
    }
  })

  test('by a URL of a host that the settings name, and of no other port or host of it', async () => {
    neighbour.gives.set('/images/1.png', JPEG)
    const hosts = hostList().parse(new URL(neighbour.url).host)
    const drawAt = (url: string) => draw(geminiService, [{ text: `![cat](${url})` }], hosts)
    const { error } = await drawAt(`${neighbour.url}/images/1.png`)
    expect(error).toBeUndefined()
    expect(kept()).toEqual([{ type: 'image/jpeg', bytes: JPEG }])
    gateway.kept.clear()
    // A redirect is not followed, to wherever it leads.
    neighbour.gives.set(
      '/moved',
      (response) => void response.writeHead(302, { location: '/images/1.png' }).end(),
    )
    for (const url of [neighbourByName(), `${neighbour.url}/moved`]) {
      expect((await drawAt(url)).error).toMatchObject({ code: 'picture_lost' })
    }
    expect(gateway.kept.size).toBe(0)
  })

  test.each([
    ['an address of this machine', () => `${neighbour.url}/images/1.png`],
    ['an address of this very machine by name', () => neighbourByName()],
    ['an address inside of a cloud', () => 'http://169.254.169.254/latest/meta-data'],
    ['an address of the world', () => 'https://example.com/cat.png'],
    ['the service by another scheme', () => server().url.replace('http:', 'https:')],
  ])('%s is never asked, however often the model names it', async (_, url) => {
    let asked = 0
    neighbour.gives.set('/images/1.png', (response) => {
      asked++
      response.end(JPEG)
    })
    const { error } = await inText(`![cat](${url()})`)
    expectFault(error, { code: 'picture_lost' })
    expect([asked, gateway.kept.size]).toEqual([0, 0])
  })

  test.each([
    ['what is no picture', () => '/no-picture'],
    ['what is not there', () => '/nothing'],
    ['what is too large', () => '/large'],
    ['what leads elsewhere', () => '/elsewhere'],
  ])('%s is not fetched, and the picture lost', async (_, url) => {
    server().gives.set('/images/1.png', JPEG)
    server().gives.set('/no-picture', Buffer.from('<!doctype html>'))
    server().gives.set('/large', Buffer.concat([PNG, Buffer.alloc(21 * 1024 * 1024)]))
    server().gives.set(
      '/elsewhere',
      (response) => void response.writeHead(302, { location: '/images/1.png' }).end(),
    )
    const { error } = await inText(`![cat](${url()})`)
    expectFault(error, { code: 'picture_lost', retryable: true })
    expect(gateway.kept.size).toBe(0)
  })

  test.each([
    'ftp://host/cat.png',
    'file:///etc/passwd',
    'http://',
  ])('an address of another kind is none: %s', async (url) => {
    expectFault((await inText(`![cat](${url})`)).error, { code: 'no_image_returned' })
  })

  test('one that is told of twice is one', async () => {
    await inText(`![cat](${data}) ![again](${data})`)
    expect(kept()).toHaveLength(1)
  })

  test('as much as an answer may be, begun and never ended, it holds nothing up', async () => {
    const linked = await inText(`![cat](data:image/png;base64,${'A'.repeat(2_000_000)}`)
    expectFault(linked.error, { code: 'no_image_returned' })
    expect(linked.text).toBe('![cat](')
    const blank = await inText(`${'!['.repeat(200_000)}](${' '.repeat(200_000)})`)
    expectFault(blank.error, { code: 'no_image_returned' })
    for (const begun of [
      '![',
      '![cat](',
      '![]( ',
      '![cat](data:image/',
      'data:image/png;base64,!',
    ]) {
      const { error, text } = await inText(begun.repeat(200_000))
      expectFault(error, { code: 'no_image_returned' })
      expect(text).toHaveLength(200_000 * begun.length)
    }
  })

  test('between what is begun and never ended', async () => {
    const { error, text } = await inText(`![ a](ftp://b) ![]( ) ![x] ![cat](${data}) ![cat](`)
    expect(error).toBeUndefined()
    expect(text).toBe(' ![]( ) ![x]  ![cat](')
    expect(kept()).toEqual([{ type: 'image/png', bytes: PNG }])
  })

  test('where no picture is asked for the text is left as it is', async () => {
    server().answer(() => [{ text: `![cat](${data})` }])
    const { text, files } = await callTo(geminiService(server().url))
    expect([text, files]).toEqual([`![cat](${data})`, []])
  })
})
