import type { Models } from '../../drizzle/contract/http-api.ts'
import type { Mode } from '../../drizzle/contract/models.ts'
import { element } from './element.ts'
import { recall, remember } from './remember.ts'

type Model = Models['data'][number]
type Row = { model: Model; box: HTMLInputElement; label: HTMLLabelElement }

export type ModelPicker = {
  show(models: readonly Model[]): void
  chosen(): Model[]
  doubled(): boolean
  mode(): Mode
}

/** The checkboxes of the models, and the switches that ask Gemini twice, and for a picture. */
export function createModelPicker(fieldset: HTMLElement, onChange: () => void): ModelPicker {
  const rows = new Map<string, Row>()
  const twice = element('input', { type: 'checkbox', role: 'switch', id: 'twice' })
  twice.checked = recall('doubled') === '2'
  const twiceLabel = element('label', { class: 'chip switch', hidden: true }, twice, 'Gemini ×2')
  twiceLabel.title = 'Ask each Gemini model twice, and compare its two answers'
  const picture = element('input', { type: 'checkbox', role: 'switch', id: 'picture' })
  const pictureLabel = element('label', { class: 'chip switch', hidden: true }, picture, 'Picture')
  pictureLabel.title = 'Ask for a picture'
  fieldset.append(twiceLabel, pictureLabel)

  const chosen = () => [...rows.values()].filter(({ box }) => box.checked).map(({ model }) => model)
  const changed = () => {
    twiceLabel.hidden = !chosen().some(({ family }) => family === 'gemini')
    pictureLabel.hidden = !chosen().some(({ makes }) => makes.includes('image'))
    onChange()
  }
  fieldset.addEventListener('change', () => {
    remember('models', JSON.stringify(chosen().map(({ id }) => id)))
    remember('doubled', twice.checked ? '2' : '1')
    changed()
  })

  const add = (model: Model, checked: boolean) => {
    const box = element('input', { type: 'checkbox', name: 'model', value: model.id })
    box.checked = checked
    const label = element('label', { class: 'chip' }, box, model.id)
    rows.set(model.id, { model, box, label })
    twiceLabel.before(label)
  }

  return {
    chosen,
    doubled: () => twice.checked && !twiceLabel.hidden,
    mode: () => (picture.checked && !pictureLabel.hidden ? 'image' : 'text'),
    show(models) {
      // Only at first: a later look at who listens must not undo what has been clicked since.
      const start = rows.size === 0 ? firstChoice(models) : new Set()
      for (const model of models) {
        const row = rows.get(model.id)
        if (row) row.model = model
        else add(model, start.has(model.id))
        const label = rows.get(model.id)?.label
        label?.classList.toggle('away', !model.available)
        if (label)
          label.title = model.available ? '' : 'No worker listens for this model at present'
      }
      changed()
    },
  }
}

/** The choice of the last visit; else one model of each family. */
function firstChoice(models: readonly Model[]): Set<string> {
  const known = new Set(models.map(({ id }) => id))
  const last = lastChoice().filter((id) => known.has(id))
  if (last.length > 0) return new Set(last)
  const families = Map.groupBy(models, ({ family }) => family)
  return new Set([...families.values()].flatMap(([first]) => (first ? [first.id] : [])))
}

function lastChoice(): string[] {
  try {
    const stored: unknown = JSON.parse(recall('models') ?? '[]')
    return Array.isArray(stored) ? stored.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}
