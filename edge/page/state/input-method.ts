/** Whether a key belongs to what an input method is composing, such as the Enter or Esc that ends it. */
export function isOfInputMethod({ isComposing, keyCode }: KeyboardEvent): boolean {
  // 229: Safari reports the key that ends a composition as no composing one.
  return isComposing || keyCode === 229
}
