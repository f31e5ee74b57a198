import {
  chooseModel,
  chosen,
  isFull,
  type Model,
  models,
  modelsProblem,
  refreshModels,
} from '../state/models.ts'
import { words } from '../words/words.ts'
import { Icon } from './icon.tsx'
import { Popover } from './popover.tsx'

/** Which models are asked: a button that says it, and the list that it opens. */
export function ModelPicker() {
  const say = words.value
  const names = chosen.value.map(({ id }) => id)
  const families = [...Map.groupBy(models.value, ({ family }) => family)]
  const label = () => {
    if (models.value.length > 0) return say.modelsChosen(names)
    return modelsProblem.value ? say.modelsChosen([]) : say.modelsLoading
  }
  return (
    <>
      <button
        type="button"
        class="chip pick"
        id="models"
        popovertarget="model-list"
        title={names.join(', ')}
        onClick={refreshModels}
      >
        <span class="visually-hidden">{say.models}: </span>
        <span class="picked">{label()}</span>
        <Icon name="down" />
      </button>
      <Popover id="model-list" label={say.models} class="model-list">
        {families.map(([family, members]) => (
          <fieldset key={family}>
            <legend>{family}</legend>
            {members.map((model) => (
              <ModelRow key={model.id} model={model} />
            ))}
          </fieldset>
        ))}
      </Popover>
    </>
  )
}

function ModelRow({ model: { id, accepts, makes, reasoning, available } }: { model: Model }) {
  const say = words.value
  const isChosen = chosen.value.some((one) => one.id === id)
  const takes = accepts.map((kind) => say.takes[kind] ?? kind)
  const facts = [
    say.takesIn(takes),
    makes.includes('image') && say.makesPictures,
    reasoning && say.reasons,
  ].filter(Boolean)
  return (
    <label class={available ? 'model' : 'model away'}>
      <input
        type="checkbox"
        name="model"
        value={id}
        checked={isChosen}
        disabled={!isChosen && isFull.value}
        onChange={({ currentTarget }) => chooseModel(id, currentTarget.checked)}
      />
      <span class="model-name">{id}</span>
      {!available && <span class="badge">{say.away}</span>}
      <span class="model-facts">{facts.join(' · ')}</span>
    </label>
  )
}
