/**
 * What becomes of fetches that fail. One passes when a leader moves or a broker restarts; where nothing but failures comes
 * (no right to read a topic any more, a topic that was made anew), heartbeats go on all the same, and the group would leave the
 * partitions for ever with a member that reads nothing.
 */

/** From so many failures in a row on it is told, and again at every doubling: the first few are a leader that moves. */
const TOLD_FROM = 4
/** In a row, 200 ms apart at least: half a minute. A membership of its own may find what this one has lost. */
export const FAILURES_AT_MOST = 150

export interface FetchFailureOptions {
  /** Told now and then, with how many fetches from a broker have failed in a row. */
  failing(error: unknown, failures: number): void
  /** Told when it is enough. */
  hopeless(error: unknown): void
}

export interface FetchFailures {
  failed(node: number, error: unknown): void
  succeeded(node: number): void
}

/** Counts by broker: that one answers says nothing of another's partitions. */
export function fetchFailures({ failing, hopeless }: FetchFailureOptions): FetchFailures {
  const inARow = new Map<number, number>()
  return {
    failed(node, error) {
      const failures = (inARow.get(node) ?? 0) + 1
      inARow.set(node, failures)
      if (failures >= TOLD_FROM && Number.isInteger(Math.log2(failures))) failing(error, failures)
      if (failures >= FAILURES_AT_MOST) hopeless(error)
    },
    succeeded: (node) => void inARow.delete(node),
  }
}
