import { MODEL_FAMILIES } from '../../drizzle/contract/models.ts'
import { findNextTimes } from '../../drizzle/statements/find-next-times.ts'
import { ringTasksIfDue } from '../../drizzle/statements/ring-tasks-if-due.ts'
import { ringTasksIfLost } from '../../drizzle/statements/ring-tasks-if-lost.ts'
import type { Statement } from '../../drizzle/statements/statement.ts'
import { demand, type FaultStack } from './scenario.ts'

/** As many rows as a sweep takes on at once. */
const STEP = 500
const FAMILIES = MODEL_FAMILIES.map(({ family }) => family)
const STATEMENTS: Statement<unknown>[] = [
  ringTasksIfLost(
    FAMILIES.map((family) => ({ family, ageMs: 0 })),
    'now',
    STEP,
  ),
  ringTasksIfDue(STEP),
  findNextTimes(FAMILIES),
]

/** How the statements of a sweep are planned at this moment: for their parameters, and prepared. */
export type Plan = { statement: string; how: 'for its parameters' | 'once prepared'; lines: string }

/** Plans the statements, and demands that none of them reads all tasks or all batches. */
export async function demandIndexes({ database }: FaultStack): Promise<Plan[]> {
  const plans: Plan[] = []
  for (const { name, text, params } of STATEMENTS) {
    const given = await database.query(`EXPLAIN ${text}`, params)
    plans.push({ statement: name, how: 'for its parameters', lines: linesOf(given) })
    // Without parameters it goes out as it stands, which EXPLAIN (GENERIC_PLAN) needs.
    const generic = await database.query(`EXPLAIN (GENERIC_PLAN) ${text}`)
    plans.push({ statement: name, how: 'once prepared', lines: linesOf(generic) })
  }
  for (const { statement, how, lines } of plans) {
    const scan = /Seq Scan on (tasks|batches)\b.*/.exec(lines)?.[0]
    demand(!scan, `${statement}, planned ${how}, reads everything: ${scan}`)
  }
  return plans
}

function linesOf(rows: Record<string, unknown>[]): string {
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

/** The plans as a page in Markdown; `knowing` is what the planner knew of the tables. */
export function documentOf(count: number, all: { knowing: string; plans: Plan[] }[]): string {
  const date = new Date().toISOString().slice(0, 10)
  const parts = all.flatMap(({ knowing, plans }) => [
    `## ${knowing}`,
    ...plans.map(
      ({ statement, how, lines }) => `### ${statement}, ${how}\n\n\`\`\`\n${lines}\n\`\`\``,
    ),
  ])
  const head = `# Plans

How Postgres runs the statements of a sweep while ${count.toLocaleString('en')} tasks wait. Made by \`npm run chaos backlog\` on ${date};
the scenario fails when one of them reads all tasks or all batches.`
  return `${[head, ...parts].join('\n\n')}\n`
}
