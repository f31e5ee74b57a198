// For --import: Date is off by CLOCK_SHIFT_MS; the monotonic clock and timers are not.
const shiftMs = Number(process.env.CLOCK_SHIFT_MS)
const TrueDate = Date
const shiftedNow = () => TrueDate.now() + shiftMs

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [shiftedNow()] : args, newTarget),
  apply: () => String(new TrueDate(shiftedNow())),
  get: (target, name, receiver) =>
    name === 'now' ? shiftedNow : Reflect.get(target, name, receiver),
})
