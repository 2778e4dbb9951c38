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
  let sending: Promise<void> | null = null
  async function settle(): Promise<void> {
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
  }
  return {
    on: () => wanted,
    flip() {
      wanted = !wanted
      show(wanted)
      sending ??= settle().finally(() => {
        sending = null
      })
      return sending
    },
  }
}
