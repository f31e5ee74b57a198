/** One message of a conversation, as any of the wire formats gives it. */
export type Turn = { role: 'system' | 'user' | 'model'; text: string }

export type SimulatedAnswer = { reasoning: string[]; answer: string[]; promptTokens: number }

/** How many of the prompt's first characters an answer repeats. */
const QUOTED = 60

/**
 * What a simulated model says: in the language of the last prompt (English, or Chinese where it holds
 * Chinese characters), repeating its first words, and always saying that it is simulated. The parts
 * joined are the text.
 */
export function simulatedAnswer(model: string, turns: readonly Turn[]): SimulatedAnswer {
  const prompts = turns.filter(({ role }) => role === 'user')
  const prompt = prompts.at(-1)?.text.trim() ?? ''
  const earlier = Math.max(0, prompts.length - 1)
  const quoted = [...prompt].slice(0, QUOTED).join('').replaceAll(/\s+/g, ' ')
  const quote = quoted.length < prompt.length ? `${quoted}…` : quoted
  const system = turns.some(({ role }) => role === 'system')
  const chinese = /\p{Script=Han}/u.test(prompt)
  const say = chinese ? inChinese : inEnglish
  const { reasoning, answer } = say({ model, quote, earlier, system })
  const split = chinese ? splitChinese : splitWords
  return {
    reasoning: split(reasoning),
    answer: split(answer),
    promptTokens: Math.ceil(turns.reduce((sum, { text }) => sum + text.length, 0) / 4),
  }
}

type Facts = { model: string; quote: string; earlier: number; system: boolean }

function inEnglish({ model, quote, earlier, system }: Facts) {
  const turns = earlier === 1 ? '1 earlier turn' : `${earlier} earlier turns`
  return {
    reasoning: `The prompt begins with "${quote}" and I was given ${turns}. I am simulated, so I will say so.`,
    answer: `This is a simulated answer of ${model}: no real model was called. You asked: "${quote}" I was given ${turns} of this conversation${system ? ' and a system prompt' : ''}. Set GEMINI_API_KEY, DEEPSEEK_SERVICE_URL or LLM_SERVICE_URL to let real models answer.`,
  }
}

function inChinese({ model, quote, earlier, system }: Facts) {
  return {
    reasoning: `提示词以“${quote}”开头，此前有 ${earlier} 轮对话。我是模拟模型，应当如实说明。`,
    answer: `这是 ${model} 的模拟回答（simulated），没有调用真实模型。您的问题是：“${quote}”。我收到了此前 ${earlier} 轮对话${system ? '和一条系统提示' : ''}。设置 GEMINI_API_KEY、DEEPSEEK_SERVICE_URL 或 LLM_SERVICE_URL 即可使用真实模型。`,
  }
}

function splitWords(text: string): string[] {
  return text.match(/\S+\s*/g) ?? []
}

/** Chinese has no blanks: two characters stand for a word. */
function splitChinese(text: string): string[] {
  return text.match(/[\w.:-]+|[^\w]{1,2}/gu) ?? []
}
