/**
 * The JSON that a request's replies become.
 * - `one`: `{"result":…}`, or `{"error":…}` with status 400
 * - `pipeline`: an array of those, status 200
 * - `transaction`: the replies are MULTI, the queued commands, EXEC; the answer is EXEC's array in the form of
 *   `pipeline`, or `{"error":…}` with status 400 when the transaction was discarded
 */
export type AnswerForm = 'one' | 'pipeline' | 'transaction'

/** What the reader has to know about the replies that come next. */
export interface Expected {
  form: AnswerForm
  /** Strings as base64 of their bytes, rather than as UTF-8 text. */
  base64: boolean
  /** Replies that Redis will send. */
  replies: number
  /** Whether the answer says where each entry of a pipeline ends. */
  marksEnds?: boolean
  /** Commands of a pipeline that were not sent, by their place in it, with the error to put there. */
  refused?: ReadonlyMap<number, string>
}

/** An HTTP answer, ready to be sent. */
export interface Answer {
  status: number
  body: Buffer
  /** Commands answered, and how many of them with an error. */
  commands: number
  failed: number
  /** Of a pipeline that asked for it: where each entry ends in `body`; the next begins a comma later, the first at 1. */
  ends?: readonly number[]
}
