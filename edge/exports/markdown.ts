import { TaskStatus } from '../../drizzle/contract/task-status.ts'
import type { StoredBatch, StoredFile } from '../../drizzle/statements/as-json.ts'
import type { ExportFormat } from './stream.ts'

/** What people read: prompts, and the answers under the names of their models. */
export const MARKDOWN_EXPORT: ExportFormat = {
  type: 'text/markdown; charset=utf-8',
  extension: 'md',
  async *parts({ title }, turns) {
    yield `# ${inLine(title)}\n`
    let number = 0
    for await (const batch of turns) {
      yield `\n## Prompt ${++number}\n\n${quoted(batch.user_prompt)}\n${filesLine(batch.files)}`
      for (const result of batch.results) yield answer(result, batch.chosen_task_id)
    }
  },
}

function answer(result: StoredBatch['results'][number], chosenTaskId: string | null): string {
  const { task_id, model_name, response_text, files } = result
  const mark = task_id === chosenTaskId ? ' (chosen)' : ''
  const parts = [response_text?.trim(), sentence(result)].filter(Boolean)
  return `\n### ${inLine(model_name)}${mark}\n\n${parts.join('\n\n')}\n${filesLine(files)}`
}

/** What is to be said of an answer that is not there, or not all of it. */
function sentence({ status, error_msg }: StoredBatch['results'][number]): string | null {
  switch (status) {
    case TaskStatus.SUCCESS:
      return null
    case TaskStatus.FAILED:
      return `*Failed: ${inLine(error_msg ?? '')}*`
    case TaskStatus.CANCELLED:
      return '*Cancelled.*'
    default:
      return '*Not finished yet.*'
  }
}

/** The user's own words, apart from the headings and the answers. */
function quoted(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `> ${line}`.trimEnd())
    .join('\n')
}

function filesLine(files: StoredFile[]): string {
  return files.length > 0 ? `\nFiles: ${files.map(({ name }) => inLine(name)).join(', ')}\n` : ''
}

/** One line of plain text, whatever it holds. */
function inLine(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>#&!|~]/g, '\\$&')
}
