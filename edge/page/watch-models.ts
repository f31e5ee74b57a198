import { getModels } from './client/api.ts'
import type { Connection } from './client/connection.ts'
import { keepTrying } from './client/keep-trying.ts'
import type { ModelPicker } from './model-picker.ts'
import { pause, untilShown } from './client/pause.ts'

const AGAIN_MS = 10_000

/** Fills the picker, and asks again now and then while a chosen model has no worker. */
export async function watchModels(
  picker: ModelPicker,
  connection: Connection,
  say: (text: string) => void,
): Promise<void> {
  const { signal } = new AbortController()
  for (;;) {
    const { data } = await keepTrying(() => getModels(signal), { signal, connection })
    picker.show(data)
    do {
      say(absent(picker))
      await pause(AGAIN_MS, signal)
      await untilShown(signal)
    } while (absent(picker) === '')
  }
}

/** What to say of the chosen models that no worker listens for. */
export function absent(picker: ModelPicker): string {
  const names = picker.chosen().flatMap(({ id, available }) => (available ? [] : [id]))
  if (names.length === 0) return ''
  return `No worker is listening for ${names.join(', ')}: the answer will come when one does.`
}
