import type { Turn } from './simulated-answer.ts'

/** A word or two of an answer. */
export type Piece = { kind: 'reasoning' | 'answer'; text: string; first: boolean; last: boolean }
type Usage = { prompt: number; completion: number }
export type Finish = 'stop' | 'length'

/** A request in one of the wire formats, and how to answer it in the same. */
export type Wire = {
  model: string
  stream: boolean
  turns: Turn[]
  maxTokens?: number
  reasons: boolean
  /** The events of one piece of a streamed answer. */
  deltas(piece: Piece): Iterable<object>
  /** The events that end a streamed answer; text goes out as it stands. */
  end(outcome: { finish: Finish; usage: Usage }): Iterable<object | string>
  /** An answer that is not streamed. */
  whole(outcome: { reasoning: string; answer: string; finish: Finish; usage: Usage }): object
}
