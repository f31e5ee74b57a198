type Props<T extends string> = {
  name: string
  label: string
  options: readonly { value: T; text: string }[]
  value: T
  onChoose(value: T): void
}

/** One of a few, side by side. */
export function Choice<T extends string>({ name, label, options, value, onChoose }: Props<T>) {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      <div class="options">
        {options.map((option) => (
          <label key={option.value}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChoose(option.value)}
            />
            {option.text}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
