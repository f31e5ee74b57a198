import type { Accepts } from './input-kind.ts'
import { REFUSALS } from './refusals.ts'

/** What a model can be asked to make. */
export type Mode = 'text' | 'image'

/**
 * How long the parts of a call may take, in ms: the connection (TLS included), the wait for the first
 * text or reasoning, a pause between two of them, and the whole.
 */
export type Timeouts = { connectMs: number; firstTokenMs: number; idleMs: number; totalMs: number }

/** One row of the model registry: all that the system knows of a family of models. */
export type ModelFamily = {
  family: string
  ownedBy: string
  /** Lower-case names; a `*` stands for any characters. */
  patterns: readonly string[]
  /** The names that `GET /v1/models` lists. Any other that fits a pattern is accepted too. */
  models: readonly string[]
  stream: string
  group: string
  /** The file in `workers-node/providers/` that speaks to it. */
  provider: 'gemini' | 'deepseek' | 'openai-compatible'
  /**
   * The names of the settings that say where the service is, with which key, and how long it may
   * take in all (ms); a worker for the family needs at least one of those in `enough`.
   */
  endpoint: {
    /** The provider's own address, where the settings name no other. */
    ownUrl?: string
    url: string
    key: string
    nodes?: string
    timeout?: string
    enough: string[]
  }
  accepts: Accepts
  /**
   * The most bytes of all files of a prompt, texts aside, where its provider puts them into the request.
   * Without it there is no such bound: what is too much for a request is uploaded ahead of it.
   */
  mostFileBytes?: number
  makes: readonly Mode[]
  reasoning: boolean
  /** Whether `gemini_concurrency` doubles its tasks. */
  doubles: boolean
  /** How many calls at once a node takes, all workers together, where it does not say so itself. */
  nodeCapacity: number
  timeouts: Timeouts
  /** What a polite refusal begins with; an answer that is one fails its task (`soft_refusal`). */
  refusals: readonly RegExp[]
  /** Whether the model is asked again after a refusal, as after a fault. */
  retriesRefusals: boolean
  /** How long a client should wait between two polls while there is no text yet, in ms, at first. */
  pollAfterMs: number
  /** How much of the conversation a call carries. */
  history: { turns: number; characters: number }
  /** In what some of its models differ; the first that fits a name counts. */
  variants: readonly Variant[]
}

type Variant = {
  patterns: readonly string[]
  is: Partial<Pick<ModelFamily, 'accepts' | 'makes' | 'reasoning'>> & {
    timeouts?: Partial<Timeouts>
  }
}

const KB = 1024
const MB = 1024 * KB

/** THE model registry. Adding a family is one row here. */
export const MODEL_FAMILIES: readonly ModelFamily[] = [
  {
    family: 'gemini',
    ownedBy: 'google',
    patterns: ['gemini*'],
    models: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-2.5-flash-image'],
    stream: 'gemini_stream',
    group: 'gemini_group',
    provider: 'gemini',
    endpoint: {
      ownUrl: 'https://generativelanguage.googleapis.com/',
      url: 'GEMINI_BASE_URL',
      key: 'GEMINI_API_KEY',
      nodes: 'GEMINI_NODES',
      enough: ['GEMINI_API_KEY', 'GEMINI_NODES'],
    },
    accepts: { text: MB, image: 20 * MB, pdf: 50 * MB, audio: 20 * MB, video: 20 * MB },
    makes: ['text'],
    reasoning: true,
    doubles: true,
    nodeCapacity: 200,
    timeouts: { connectMs: 10_000, firstTokenMs: 60_000, idleMs: 60_000, totalMs: 180_000 },
    refusals: REFUSALS,
    retriesRefusals: false,
    pollAfterMs: 750,
    history: { turns: 20, characters: 200_000 },
    variants: [
      {
        patterns: ['gemini*-image*'],
        is: {
          accepts: { text: 100 * KB, image: 20 * MB },
          makes: ['text', 'image'],
          reasoning: false,
          // A picture comes all at once.
          timeouts: { firstTokenMs: 120_000, idleMs: 120_000 },
        },
      },
      { patterns: ['gemini-1*', 'gemini-2.0*'], is: { reasoning: false } },
    ],
  },
  {
    family: 'deepseek',
    ownedBy: 'deepseek',
    patterns: ['deepseek*'],
    models: ['deepseek-r1:1.5b', 'deepseek-chat', 'deepseek-reasoner'],
    stream: 'deepseek_stream',
    group: 'deepseek_group',
    provider: 'deepseek',
    endpoint: {
      ownUrl: 'https://api.deepseek.com/',
      url: 'DEEPSEEK_SERVICE_URL',
      key: 'DEEPSEEK_API_KEY',
      timeout: 'DEEPSEEK_TIMEOUT_MS',
      enough: ['DEEPSEEK_SERVICE_URL', 'DEEPSEEK_API_KEY'],
    },
    accepts: { text: 100 * KB },
    makes: ['text'],
    reasoning: true,
    doubles: false,
    nodeCapacity: 200,
    timeouts: { connectMs: 10_000, firstTokenMs: 120_000, idleMs: 60_000, totalMs: 300_000 },
    refusals: REFUSALS,
    retriesRefusals: false,
    pollAfterMs: 2000,
    history: { turns: 20, characters: 60_000 },
    variants: [{ patterns: ['deepseek-chat*'], is: { reasoning: false } }],
  },
  {
    family: 'qwen',
    ownedBy: 'qwen',
    patterns: ['qwen*', '千问*'],
    models: ['qwen3:1.7b'],
    stream: 'qwen_stream',
    group: 'qwen_group',
    provider: 'openai-compatible',
    endpoint: { url: 'LLM_SERVICE_URL', key: 'LLM_API_KEY', enough: ['LLM_SERVICE_URL'] },
    accepts: { text: 100 * KB },
    mostFileBytes: 20 * MB,
    makes: ['text'],
    reasoning: true,
    doubles: false,
    nodeCapacity: 200,
    timeouts: { connectMs: 10_000, firstTokenMs: 120_000, idleMs: 60_000, totalMs: 180_000 },
    refusals: REFUSALS,
    retriesRefusals: false,
    pollAfterMs: 1000,
    history: { turns: 20, characters: 60_000 },
    variants: [{ patterns: ['qwen*vl*'], is: { accepts: { text: 100 * KB, image: 10 * MB } } }],
  },
]

export const DEFAULT_MODEL = 'gemini-2.5-flash'

/** How many models one prompt may ask. */
export const MAX_MODELS = 8

/** The family that serves a model of this name, if any, with what is so for this very model. */
export function familyOfModel(model: string): ModelFamily | undefined {
  const name = model.toLowerCase()
  const found = MODEL_FAMILIES.find(({ patterns }) => fitsAny(patterns, name))
  if (!found) return undefined
  const own = found.variants.find(({ patterns }) => fitsAny(patterns, name))?.is
  return { ...found, ...own, timeouts: { ...found.timeouts, ...own?.timeouts } }
}

function fitsAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) =>
    new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`, 'u').test(name),
  )
}

/** The registry row of a family. Throws where there is none: the name came from our own rows. */
export function familyNamed(name: string): ModelFamily {
  const found = MODEL_FAMILIES.find(({ family }) => family === name)
  if (!found) throw new Error(`no model family ${name} in the registry`)
  return found
}

/** One sentence that lists the models a caller may name. */
export function knownModels(): string {
  const names = MODEL_FAMILIES.flatMap(({ models }) => models).join(', ')
  const patterns = MODEL_FAMILIES.flatMap(({ patterns }) => patterns).join(', ')
  return `Known models: ${names}; and any name that fits ${patterns}.`
}
