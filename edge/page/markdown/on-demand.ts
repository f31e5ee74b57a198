/** A library that is fetched when it is first wanted. */
export type OnDemand<T> = {
  /** `undefined` until it is there. */
  readonly loaded: T | undefined
  /** Says whether it is there now. One that could not be had is tried again at the next call. */
  load(): Promise<boolean>
}

export function onDemand<T>(fetchIt: () => Promise<T>): OnDemand<T> {
  let loaded: T | undefined
  let loading: Promise<boolean> | undefined
  return {
    get loaded() {
      return loaded
    },
    load() {
      loading ??= fetchIt().then(
        (library) => {
          loaded = library
          return true
        },
        () => {
          loading = undefined
          return false
        },
      )
      return loading
    },
  }
}
