import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  type Batch,
  type Conversation,
  type Conversations,
  exportedConversation,
} from '../drizzle/contract/http-api.ts'
import { submitBatch } from '../drizzle/statements/submit-batch.ts'
import { batchUntil, errorOf, get, post, submit, until } from './setup/client.ts'
import { newBatch, newFile } from './setup/new-batch.ts'
import { openSession } from './setup/session.ts'
import { RUNTIMES } from './setup/start-gateway.ts'
import { type Stack, startStack } from './stack.ts'

const MODEL = 'gemini-2.5-flash'
const NOBODY = '01990b6e-7a4c-7000-8a5e-3f1c2b4d5e6f'

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ runtime, workers: 0 })
  })
  afterEach(() => {
    Object.assign(stack.sql, { down: false, loseAnswers: 0, refuseWith: undefined })
  })
  afterAll(() => stack?.stop())

  const addressOf = (id: string) => `${stack.gatewayUrl}/v1/conversations/${id}`
  const remove = (id: string) => fetch(addressOf(id), { method: 'DELETE' })
  const rename = (id: string, body: unknown) =>
    fetch(addressOf(id), {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  async function withFile(text: string, more: Record<string, string> = {}): Promise<Batch> {
    const files = new File([text], 'notes.txt')
    const fields = { prompt: 'Look', model: MODEL, files, ...more }
    const { batch_id } = await submit(stack.gatewayUrl, fields)
    return batchUntil(stack.gatewayUrl, batch_id, () => true)
  }

  async function searched(search: string): Promise<string[]> {
    const path = `/v1/conversations?search=${encodeURIComponent(search)}`
    const { conversations } = await get<Conversations>(stack.gatewayUrl, path)
    return conversations.map(({ title }) => title)
  }

  /** Resolves once a statement of the gateway waits for a lock. */
  const untilOneWaits = () =>
    until(async () => {
      const waiting = await stack.database.query(
        `SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
      return waiting.length === 1
    })

  /** Ends the tasks of a batch as they stand here: [status, answer or sentence], in order. */
  async function end(batchId: string, ends: [number, string][]) {
    for (const [i, [status, text]] of ends.entries()) {
      await stack.database.query(
        `UPDATE tasks SET status = $3::smallint, finished_at = now(), reasoning_text = 'Hm.',
           response_text = CASE WHEN $3 = 1 THEN $4 END,
           error_code = CASE WHEN $3 = 2 THEN 'model_timeout' END,
           error_msg = CASE WHEN $3 = 2 THEN $4 END
         WHERE batch_id = $1 AND position = $2`,
        [batchId, i + 1, status, text],
      )
    }
  }

  test('a conversation is found by its title and its prompts', async () => {
    await submit(stack.gatewayUrl, { prompt: 'Why is the sky 100% blue?', model: MODEL })
    expect(await searched('SKY 100%')).toEqual(['Why is the sky 100% blue?'])
    expect(await searched('sky 100_')).toEqual([])
    expect(await searched('  ')).toEqual(await searched(''))
    for (const search of ['x'.repeat(201), '\0']) {
      const path = `/v1/conversations?search=${encodeURIComponent(search)}`
      const response = await fetch(stack.gatewayUrl + path)
      expect([response.status, (await errorOf(response)).param]).toEqual([400, 'search'])
    }
  })

  test('a conversation is renamed', async () => {
    const { conversation_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: MODEL })
    const response = await rename(conversation_id, { title: '  New title 中文  ' })
    expect(response.status).toBe(200)
    const renamed = (await response.json()) as Conversation
    expect(renamed).toMatchObject({ conversation_id, title: 'New title 中文' })
    const list = await get<Conversations>(stack.gatewayUrl, '/v1/conversations')
    expect(list.conversations).toContainEqual(renamed)
    for (const body of [{}, { title: '' }, { title: ' ' }, { title: 7 }, { title: 'a\0' }, []]) {
      expect((await rename(conversation_id, body)).status, JSON.stringify(body)).toBe(400)
    }
    expect((await rename(conversation_id, { title: 'x'.repeat(201) })).status).toBe(400)
    expect((await rename(conversation_id, { title: 'x'.repeat(200) })).status).toBe(200)
    for (const id of [NOBODY, 'x']) expect((await rename(id, { title: 'a' })).status).toBe(404)
    const form = await fetch(addressOf(conversation_id), { method: 'PATCH', body: new FormData() })
    expect(form.status).toBe(415)
  })

  test('a deleted conversation is gone, with its files and their objects', async () => {
    const kept = await withFile('kept of both')
    const gone = await withFile('only here')
    const { conversation_id, batch_id, results, files } = gone
    await withFile('kept of both', { conversation_id })
    const before = await stack.objectKeys()
    const [row] = await stack.database.query<{ object_key: string }>(
      'SELECT object_key FROM files WHERE id = $1',
      [files[0]!.file_id],
    )
    const response = await remove(conversation_id)
    expect([response.status, await response.text()]).toEqual([204, ''])
    const addresses = [
      `/v1/batches/${batch_id}`,
      `/v1/tasks/${results[0]!.task_id}`,
      `/v1/conversations/${conversation_id}/history`,
      `/v1/conversations/${conversation_id}/export`,
      files[0]!.url!,
    ]
    for (const path of addresses) {
      expect((await fetch(stack.gatewayUrl + path)).status, path).toBe(404)
    }
    expect((await remove(conversation_id)).status).toBe(404)
    expect((await remove('x')).status).toBe(404)
    expect((await fetch(stack.gatewayUrl + kept.files[0]!.url)).status).toBe(200)
    // Their objects go after the answer.
    await until(async () => !(await stack.objectKeys()).includes(row!.object_key))
    expect(await stack.objectKeys()).toHaveLength(before.length - 1)
    await until(async () => (await stack.database.query('SELECT FROM doomed_objects')).length === 0)
    const late = await post(stack.gatewayUrl, { prompt: 'a', model: MODEL, conversation_id })
    expect(late.status).toBe(404)
  })

  test('objects that were left over before go with the next delete', async () => {
    await stack.database.query(
      "INSERT INTO doomed_objects (object_key) SELECT 'uploads/left-' || i FROM generate_series(1, 120) i",
    )
    const { conversation_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: MODEL })
    expect((await remove(conversation_id)).status).toBe(204)
    await until(async () => (await stack.database.query('SELECT FROM doomed_objects')).length === 0)
  })

  test('prompts and deletes at the same moment: each is whole, or refused, and none is a 5xx', async () => {
    const statuses = new Set<number>()
    for (let round = 0; round < 3; round++) {
      const { conversation_id } = await withFile('shared by the race')
      const files = new File(['shared by the race'], 'a.txt')
      const fields = { prompt: 'a', model: MODEL, files }
      const answers = await Promise.all([
        post(stack.gatewayUrl, { ...fields, conversation_id }),
        post(stack.gatewayUrl, fields),
        remove(conversation_id),
        post(stack.gatewayUrl, { ...fields, conversation_id }),
        post(stack.gatewayUrl, fields),
      ])
      for (const { status } of answers) statuses.add(status)
      const deleted = answers[2]!
      expect([204, 409]).toContain(deleted.status)
      for (const answer of answers.filter(({ status }) => status === 202)) {
        const { batch_id, ...made } = (await answer.json()) as Batch
        const response = await fetch(`${stack.gatewayUrl}/v1/batches/${batch_id}`)
        const went = deleted.status === 204 && made.conversation_id === conversation_id
        expect(response.status).toBe(went ? 404 : 200)
        if (went) continue
        const batch = (await response.json()) as Batch
        expect(batch.files).toHaveLength(1)
        expect((await fetch(stack.gatewayUrl + batch.files[0]!.url)).status).toBe(200)
      }
    }
    expect([...statuses].filter((status) => ![202, 204, 404, 409].includes(status))).toEqual([])
  })

  test.each([
    ['in the conversation', ({ conversation_id }: Batch) => ({ conversationId: conversation_id })],
    ['with its file', () => ({})],
  ])('a delete that a prompt %s crosses is done once that is stored', async (_, where) => {
    const batch = await withFile('crossed')
    const [row] = await stack.database.query<{ sha256: string }>(
      'SELECT sha256 FROM files WHERE id = $1',
      [batch.files[0]!.file_id],
    )
    const session = await openSession(stack.database)
    await session.query('BEGIN')
    const files = [newFile({ sha256: row!.sha256 })]
    await session.run(submitBatch(newBatch([MODEL], { ...where(batch), files })))
    const deleting = remove(batch.conversation_id)
    await untilOneWaits()
    await session.query('COMMIT')
    expect((await deleting).status).toBe(204)
    expect((await remove(batch.conversation_id)).status).toBe(404)
  })

  test('while Postgres is away a delete is 503, and nothing is gone', async () => {
    const { conversation_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: MODEL })
    stack.sql.down = true
    expect((await remove(conversation_id)).status).toBe(503)
    stack.sql.down = false
    expect((await remove(conversation_id)).status).toBe(204)
  })

  test('a conversation is exported as JSON, all of it', async () => {
    const first = await withFile('in the export')
    const { conversation_id } = first
    await end(first.batch_id, [[1, 'The "first" answer\n']])
    for (let turn = 2; turn <= 60; turn++) {
      await submit(stack.gatewayUrl, { prompt: `p${turn}`, model: MODEL, conversation_id })
    }
    const response = await fetch(`${addressOf(conversation_id)}/export`)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'content-disposition': `attachment; filename="Look.json"; filename*=UTF-8''Look.json`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-store',
    })
    const whole = exportedConversation.strict().parse(await response.json())
    expect(whole).toMatchObject({ conversation_id, title: 'Look' })
    expect(whole.batches).toHaveLength(60)
    expect(whole.batches.at(-1)?.user_prompt).toBe('p60')
    expect(whole.batches[0]).toMatchObject({
      files: [{ name: 'notes.txt' }],
      results: [{ response_text: 'The "first" answer\n', reasoning_text: 'Hm.' }],
    })
  })

  test('an export that does not come to its end breaks off, and passes for nothing whole', async () => {
    const { conversation_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: MODEL })
    await stack.database.query('UPDATE conversations SET turns = turns + 1 WHERE id = $1', [
      conversation_id,
    ])
    for (const format of ['json', 'markdown']) {
      const response = await fetch(`${addressOf(conversation_id)}/export?format=${format}`)
      expect(response.status).toBe(200)
      await expect(response.text()).rejects.toThrow()
    }
  })

  test('a conversation is exported as Markdown, as people read it', async () => {
    const model = 'gemini-2.5-flash, qwen3, deepseek-chat, qwen2.5'
    const files = new File(['a'], 'my_notes.txt')
    const { batch_id, conversation_id, task_ids } = await submit(stack.gatewayUrl, {
      prompt: '# Why\r\n\r\nis it so?',
      model,
      files,
    })
    await end(batch_id, [
      [1, '## Because\n\nof *physics*.\n'],
      [2, 'The model took too long.'],
      [4, ''],
    ])
    await stack.database.query('UPDATE batches SET chosen_task_id = $2 WHERE id = $1', [
      batch_id,
      task_ids[0],
    ])
    await rename(conversation_id, { title: 'A/b: "<Öl>" *x*' })
    const response = await fetch(`${addressOf(conversation_id)}/export?format=markdown`)
    expect(response.headers.get('content-type')).toBe('text/markdown; charset=utf-8')
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="A b _l x.md"; filename*=UTF-8''A%20b%20%C3%96l%20x.md`,
    )
    expect(await response.text()).toBe(`# A/b: "\\<Öl\\>" \\*x\\*

## Prompt 1

> # Why
>
> is it so?

Files: my\\_notes.txt

### gemini-2.5-flash (chosen)

## Because

of *physics*.

### qwen3

*Failed: The model took too long.*

### deepseek-chat

*Cancelled.*

### qwen2.5

*Not finished yet.*
`)
  })

  test('what cannot be exported is refused', async () => {
    const { conversation_id } = await submit(stack.gatewayUrl, { prompt: 'a', model: MODEL })
    const asked = (id: string, query = '') => fetch(`${addressOf(id)}/export${query}`)
    expect((await asked(conversation_id, '?format=pdf')).status).toBe(400)
    for (const id of [NOBODY, 'x']) expect((await asked(id)).status).toBe(404)
    stack.sql.down = true
    expect((await asked(conversation_id)).status).toBe(503)
  })
})
