/** What was answered when, with words in between: for people who want to know what an outage looked like. */

/** Answers alike belong together unless so long lies between. */
const APART_MS = 1_000

/** Answers alike, one after another. */
interface Stretch {
  /** Milliseconds from the start to the first of them, and to the end of the last. */
  fromMs: number
  toMs: number
  reads: number
  slowestMs: number
  answer: string
}

export function createTimeline() {
  const stretches: Stretch[] = []
  const latest = new Map<string, Stretch>()
  const answers = new Set<string>()
  const marks: { atMs: number; line: string }[] = []
  return {
    answers,
    mark: (atMs: number, text: string) => marks.push({ atMs, line: `— ${text}` }),
    note(read: Stretch) {
      answers.add(read.answer)
      const last = latest.get(read.answer)
      if (last === undefined || read.fromMs - last.toMs > APART_MS) {
        stretches.push(read)
        latest.set(read.answer, read)
        return
      }
      last.fromMs = Math.min(last.fromMs, read.fromMs)
      last.toMs = Math.max(last.toMs, read.toMs)
      last.reads++
      last.slowestMs = Math.max(last.slowestMs, read.slowestMs)
    },
    told: () =>
      [
        ...marks,
        ...stretches.map(({ fromMs, toMs, reads, slowestMs, answer }) => ({
          atMs: fromMs,
          line: `${answer} (${reads} reads until ${(toMs / 1_000).toFixed(1)} s, the slowest ${slowestMs} ms)`,
        })),
      ]
        .sort((a, b) => a.atMs - b.atMs)
        .map(({ atMs, line }) => `${(atMs / 1_000).toFixed(1).padStart(6)} s  ${line}`)
        .join('\n'),
  }
}
