import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const BLOCK = '\\n\\n```ts\\n(.*?)```'
const NEW_FILE = new RegExp(`A new file \`(?<file>[^\`]+)\`:${BLOCK}`, 'gs')
const EDIT = new RegExp(
  `In \`(?<file>[^\`]+)\`, (?<how>after|instead of) the line:${BLOCK}\\n\\nput:${BLOCK}`,
  'gs',
)

/**
 * Does in a copy of the project what a guide tells its reader to do, by its very code blocks. Resolves to
 * the files that were touched. Throws where a line that is named is not there exactly once.
 */
export async function followGuide(guide: string, copy: string): Promise<string[]> {
  const touched: string[] = []
  for (const { groups, 2: text } of guide.matchAll(NEW_FILE)) {
    await writeFile(join(copy, groups!.file!), text!, { flag: 'wx' })
    touched.push(groups!.file!)
  }
  for (const { groups, 3: line, 4: text } of guide.matchAll(EDIT)) {
    const path = join(copy, groups!.file!)
    const parts = (await readFile(path, 'utf8')).split(`\n${line}`)
    if (parts.length !== 2)
      throw new Error(`${groups!.file} has ${parts.length - 1} times: ${line}`)
    const put = groups!.how === 'after' ? `${line}${text}` : text!
    await writeFile(path, parts.join(`\n${put}`))
    touched.push(groups!.file!)
  }
  return touched
}

/** The settings of a guide's shell block. */
export function settingsIn(guide: string): Record<string, string> {
  const block = /```sh\n(.*?)```/s.exec(guide)?.[1] ?? ''
  return Object.fromEntries(
    Array.from(block.matchAll(/^(\w+)=(.*)$/gm), ([, name, value]) => [name, value]),
  )
}
