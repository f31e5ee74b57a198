import { computed, signal } from '@preact/signals'
import type { Models } from '../../../drizzle/contract/http-api.ts'
import { MAX_MODELS, type Mode } from '../../../drizzle/contract/models.ts'
import { TaskStatus } from '../../../drizzle/contract/task-status.ts'
import { getModels } from '../client/api.ts'
import { keepTrying } from '../client/keep-trying.ts'
import { pause, untilShown } from '../client/pause.ts'
import { sayProblem } from '../words/problem.ts'
import type { Say } from '../words/words.ts'
import { isText, recall, recallList, remember, rememberList } from './remember.ts'
import { turns } from './thread.ts'

export type Model = Models['data'][number]

/** Who is asked (the ids of models), how often, and for what. */
export type Choice = { ids: ReadonlySet<string>; twice: boolean; mode: Mode }

const AGAIN_MS = 10_000

/** All models that the server lists; empty until it has answered. */
export const models = signal<readonly Model[]>([])
export const modelsProblem = signal<Say | null>(null)
const chosenIds = signal<ReadonlySet<string>>(new Set(recallList('models', isText)))
const wantsTwice = signal(recall('doubled') === '2')
const wantsPicture = signal(recall('mode') === 'image')

export const chosen = computed(() => models.value.filter(({ id }) => chosenIds.value.has(id)))
export const canDouble = computed(() => chosen.value.some(({ family }) => family === 'gemini'))
export const doubled = computed(() => canDouble.value && wantsTwice.value)
export const canMakePictures = computed(() =>
  chosen.value.some(({ makes }) => makes.includes('image')),
)
export const mode = computed(
  (): Mode => (canMakePictures.value && wantsPicture.value ? 'image' : 'text'),
)
/** The chosen ones that no worker listens for at present. */
export const away = computed(() => chosen.value.filter(({ available }) => !available))
/** How many may be chosen besides. */
export const isFull = computed(() => chosen.value.length >= MAX_MODELS)

export function chooseModel(id: string, on: boolean): void {
  const ids = new Set(chosen.value.map((model) => model.id))
  if (on) ids.add(id)
  else ids.delete(id)
  keepChoice(ids)
}

/** What is chosen, also what has no effect at present. */
export function choiceNow(): Choice {
  const [ids, twice, picture] = [chosenIds.value, wantsTwice.value, wantsPicture.value]
  return { ids, twice, mode: picture ? 'image' : 'text' }
}

export function choose({ ids, twice, mode }: Choice): void {
  keepChoice(ids)
  setTwice(twice)
  setMode(mode)
}

/** Chooses what another prompt was asked with, so far as it is listed. */
export function chooseListed({ ids, ...how }: Choice): void {
  const listed = models.value.filter(({ id }) => ids.has(id)).map(({ id }) => id)
  choose({ ids: listed.length > 0 ? new Set(listed) : chosenIds.value, ...how })
}

export function setTwice(on: boolean): void {
  wantsTwice.value = on
  remember('doubled', on ? '2' : '1')
}

export function setMode(wanted: Mode): void {
  wantsPicture.value = wanted === 'image'
  remember('mode', wanted)
}

/** Lists the models, and asks again now and then while somebody waits for a worker. */
export async function watchModels(): Promise<void> {
  const { signal } = new AbortController()
  try {
    for (;;) {
      models.value = (await keepTrying(getModels, signal)).data
      if (chosen.value.length === 0) chosenIds.value = firstOfEachFamily(models.value)
      do {
        await pause(AGAIN_MS, signal)
        await untilShown(signal)
      } while (away.value.length === 0 && !isQueued())
    }
  } catch (error) {
    modelsProblem.value = sayProblem(error)
  }
}

/** Asks anew who listens, as for one who is about to choose. */
export async function refreshModels(): Promise<void> {
  const { signal } = new AbortController()
  // What is known already is good enough where this fails.
  models.value = await getModels(signal).then(
    ({ data }) => data,
    () => models.value,
  )
}

/** Whether a worker listens for it, so far as is known. */
export function isAway(id: string): boolean {
  return models.value.some((model) => model.id === id && !model.available)
}

function isQueued(): boolean {
  return turns.value.some(({ batch }) =>
    batch.value.results.some(({ status }) => status === TaskStatus.PENDING),
  )
}

function keepChoice(ids: ReadonlySet<string>): void {
  chosenIds.value = ids
  rememberList('models', [...ids])
}

function firstOfEachFamily(all: readonly Model[]): Set<string> {
  const families = Map.groupBy(all, ({ family }) => family)
  return new Set([...families.values()].flatMap(([first]) => (first ? [first.id] : [])))
}
