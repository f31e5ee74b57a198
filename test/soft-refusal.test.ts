import { expect, test } from 'vitest'
import { REFUSALS } from '../drizzle/contract/refusals.ts'
import { isSoftRefusal } from '../workers-node/soft-refusal.ts'

const isRefusal = (text: string, mode: 'text' | 'image' = 'text', hasPicture = false) =>
  isSoftRefusal({ text, mode, hasPicture }, REFUSALS)

const LONG = 'And here is much more to say about it. '.repeat(15)

test.each([
  'I cannot create images',
  'I can not create images.',
  'i CANNOT generate pictures for you.',
  "I'm sorry, but I can't create images.",
  'I’m sorry, but I can’t draw a picture of that.',
  'Sorry, I am unable to generate photos of real people.',
  "Unfortunately, I'm not able to directly generate an image.",
  'As a text-based AI, I do not have the ability to create visual images.',
  "I'm just a language model and can't help with that.",
  'I can’t assist with that request.',
  'I cannot fulfill this request.',
  '  **I cannot create images** right now. ',
  '无法创建图片',
  '抱歉，我无法生成图片。',
  '很抱歉，我目前无法直接为您生成图像。',
  '对不起，我不能画画。',
  '抱歉,我还不能绘制图像',
  '作为一个文本模型，我无法创建图片。',
  '抱歉，我無法產生圖片。',
  '我无法满足您的这个请求。',
])('is a refusal: %s', (text) => {
  expect(isRefusal(text)).toBe(true)
})

test.each([
  '"I cannot create images" is what such models say.',
  'Models often answer “I cannot create images”.',
  '很多模型会说“我无法生成图片”。',
  'The error reads: I cannot create images.',
  'I can create images with SVG: <svg/>',
  'I cannot recommend this book enough.',
  'I cannot say which of the two pictures is older.',
  '我不能确定这张图片的作者是谁。',
  'Here is how to make a picture in Python.',
  `I cannot create images. ${LONG}`,
  `抱歉，我无法生成图片。${LONG}`,
  '',
])('is an answer: %s', (text) => {
  expect(isRefusal(text)).toBe(false)
})

test('in place of a picture a refusal stands anywhere, however long', () => {
  expect(isRefusal(`What a fine idea! ${LONG} But I cannot create images.`, 'image')).toBe(true)
  expect(isRefusal(`好主意！${LONG}不过我无法生成图片。`, 'image')).toBe(true)
  expect(isRefusal('Here is a cat, in words.', 'image')).toBe(false)
})

test('words beside a picture are none', () => {
  expect(isRefusal('I cannot create images of people, so here is a cat.', 'image', true)).toBe(
    false,
  )
  expect(isRefusal('I cannot create images of people, so here is a cat.', 'text', true)).toBe(false)
})
