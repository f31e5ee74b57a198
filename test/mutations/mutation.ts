export type Mutation = {
  file: string
  /** Occurs exactly once in the file. */
  text: string
  replacement: string
  test: string
  title: string
}

export type Row = [text: string, replacement: string, title: string]

export const inFile = (file: string, test: string, rows: Row[]): Mutation[] =>
  rows.map(([text, replacement, title]) => ({ file, text, replacement, test, title }))

export const inStatement = (name: string, rows: Row[], test = name): Mutation[] =>
  inFile(`drizzle/statements/${name}.ts`, `test/statements/${test}.test.ts`, rows)

/** A placeholder in the source of a statement. */
export const source = (expression: string) => `\${${expression}}`
export const is = (status: 'PENDING' | 'PROCESSING' | 'SUCCESS') =>
  `= ${source(`TaskStatus.${status}`)}`

export const OPEN = `(${source('TaskStatus.PENDING')}, ${source('TaskStatus.PROCESSING')})`
export const AS_NAMED = 'ORDER BY array_position($1::uuid[], t.id)'
