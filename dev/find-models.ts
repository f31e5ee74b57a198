import { familyOfModel, MODEL_FAMILIES, type ModelFamily } from '../drizzle/contract/models.ts'
import { SettingsError } from '../drizzle/contract/settings.ts'

/** Which service answers for each family. */
export type FoundModels = {
  /** What a worker must be given beside the user's own settings. */
  settings: Record<string, string>
  /** One model name a family, to be asked in an example. */
  models: string[]
  /** e.g. `gemini: simulated · deepseek: Ollama (deepseek-r1:1.5b) · qwen: http://host` */
  line: string
}

type Found = { settings?: Record<string, string>; model?: string; by: string }

type Options = {
  /** The user's settings. */
  environment: Record<string, string | undefined>
  /** Starts the simulated models and resolves with their address; called once at most. */
  startSimulated: () => Promise<string>
  ollamaUrl?: string
}

const DEEPSEEK = 'https://api.deepseek.com'

/**
 * Decides for each family: what the settings name, else an Ollama that answers within 500 ms and has
 * a fitting model, else the simulated models. Throws SettingsError for settings that name a service
 * by half.
 */
export async function findModels({
  environment,
  startSimulated,
  ollamaUrl = 'http://127.0.0.1:11434',
}: Options): Promise<FoundModels> {
  if (environment.GEMINI_BASE_URL && !environment.GEMINI_API_KEY) {
    throw new SettingsError('GEMINI_API_KEY is missing: GEMINI_BASE_URL needs it.')
  }
  const installed = await modelsAt(ollamaUrl)
  let simulated: string | undefined
  const found: { family: ModelFamily; is: Found }[] = []
  for (const family of MODEL_FAMILIES) {
    let is = (await named(family, environment)) ?? byOllama(family, installed, ollamaUrl)
    if (!is) {
      simulated ??= await startSimulated()
      is = bySimulation(family, simulated)
    }
    found.push({ family, is })
  }
  return {
    settings: Object.assign({}, ...found.map(({ is }) => is.settings)),
    models: found.map(({ family, is }) => is.model ?? family.models[0]!),
    line: found.map(({ family, is }) => `${family.family}: ${is.by}`).join(' · '),
  }
}

/** What the user's settings say of this family, if anything. */
async function named(
  { family, endpoint }: ModelFamily,
  environment: Options['environment'],
): Promise<Found | undefined> {
  const key = environment[endpoint.key]
  if (family === 'gemini') {
    if (key) return { by: shown(environment[endpoint.url] || 'Google') }
    const node = environment.GEMINI_NODES?.split(',')[0]?.trim()
    return node ? { by: shown(node), model: fitting(family, await modelsAt(node)) } : undefined
  }
  const url = environment[endpoint.url]
  if (url) return { by: shown(url), model: fitting(family, await modelsAt(url, key)) }
  if (family === 'deepseek' && key) {
    return { settings: { [endpoint.url]: DEEPSEEK }, by: shown(DEEPSEEK), model: 'deepseek-chat' }
  }
  return undefined
}

function byOllama(row: ModelFamily, installed: string[], url: string): Found | undefined {
  const model = fitting(row.family, installed)
  if (model === undefined) return undefined
  // Ollama speaks OpenAI's API, also where the family's own service would speak another.
  const setting = row.endpoint.nodes ?? row.endpoint.url
  return { settings: { [setting]: url }, model, by: `Ollama (${model})` }
}

function bySimulation({ endpoint }: ModelFamily, url: string): Found {
  const key = endpoint.enough.includes(endpoint.url) ? {} : { [endpoint.key]: 'simulated' }
  return { settings: { [endpoint.url]: url, ...key }, by: 'simulated' }
}

function fitting(family: string, models: readonly string[]): string | undefined {
  return models.find((model) => familyOfModel(model)?.family === family)
}

/** The models that an OpenAI-compatible server lists; none when it does not answer in 500 ms. */
async function modelsAt(url: string, key?: string): Promise<string[]> {
  const base = url.replace(/\/+$/, '').replace(/(\/v1)?(\/chat\/completions)?$/, '')
  try {
    const response = await fetch(`${base}/v1/models`, {
      headers: key ? { authorization: `Bearer ${key}` } : {},
      signal: AbortSignal.timeout(500),
    })
    const { data } = (await response.json()) as { data: { id: string }[] }
    return data.map(({ id }) => String(id))
  } catch {
    return []
  }
}

/** An address as it may be printed: without user, password and query. */
function shown(address: string): string {
  const url = URL.parse(address)
  return url ? `${url.origin}${url.pathname.replace(/\/$/, '')}` : address
}
