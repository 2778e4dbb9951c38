/** A switch that moves at once and tells the server afterwards; it goes back if the server refuses. */

export interface Toggle {
  /** What the person sees. */
  on(): boolean
  flip(): Promise<void>
}

/**
 * Quick flips are sent one after the other and only as long as they change something, so that the last one wins.
 * @param send tells the server; @param show paints the state, with the error when it went back
 */
export function createToggle(
  initial: boolean,
  send: (on: boolean) => Promise<unknown>,
  show: (on: boolean, error?: unknown) => void,
): Toggle {
  let wanted = initial
  let stored = initial
  let isSending = false
  let settled = Promise.resolve()
  async function settle(): Promise<void> {
    isSending = true
    while (stored !== wanted) {
      const next = wanted
      try {
        await send(next)
        stored = next
      } catch (error) {
        wanted = stored
        show(stored, error)
      }
    }
    // In the same turn as the last look: a flip after it begins anew.
    isSending = false
  }
  return {
    on: () => wanted,
    flip() {
      wanted = !wanted
      show(wanted)
      if (!isSending) settled = settle()
      return settled
    },
  }
}
