/** A browser opens six connections to a server, for all its tabs: waiting must not take them all. */
const PLACES = ['waiting-1', 'waiting-2']

let taken = 0

/** Does something in one of the places that all tabs share, else without a place. */
export function inPlace<Result>(
  act: (hasPlace: boolean) => Promise<Result>,
  places: readonly string[] = PLACES,
): Promise<Result> {
  // Where a page is served without TLS, tabs cannot share anything.
  if (!navigator.locks) return inPlaceOfTab(act)
  const [place, ...others] = places
  if (place === undefined) return act(false)
  return navigator.locks.request(place, { ifAvailable: true }, (lock) =>
    lock ? act(true) : inPlace(act, others),
  )
}

async function inPlaceOfTab<Result>(act: (hasPlace: boolean) => Promise<Result>): Promise<Result> {
  if (taken >= PLACES.length) return act(false)
  taken++
  try {
    return await act(true)
  } finally {
    taken--
  }
}
