/**
 * Bounds what one isolate holds in memory at once: by refusing, never by queueing. A Worker must not wait for another
 * request's work, and a refused client comes back to another isolate.
 */
import { Problem } from '#core/problem.ts'

export interface Ticket {
  /**
   * Asks for more bytes on the same ticket.
   * @throws Problem 503 when they are not there; the ticket keeps what it had.
   */
  grow(bytes: number): void
  /** Gives everything back; further calls do nothing. */
  leave(): void
}

export interface Admission {
  /** @throws Problem 503 with Retry-After when the bytes are not there. */
  enter(bytes: number): Ticket
}

/** An isolate has 128 MB; code, engine and answers in flight take the rest. */
const ISOLATE_IMAGE_BYTES = 96 * 1024 * 1024

/** @param capacity bytes that all tickets together may hold. */
export function createAdmission(capacity: number = ISOLATE_IMAGE_BYTES): Admission {
  let held = 0
  const take = (bytes: number) => {
    if (held + bytes > capacity) throw busy()
    held += bytes
  }
  return {
    enter(bytes) {
      take(bytes)
      let own = bytes
      return {
        grow(more) {
          take(more)
          own += more
        },
        leave() {
          held -= own
          own = 0
        },
      }
    },
  }
}

function busy(): Problem {
  return new Problem({
    status: 503,
    code: 'image-busy',
    title: 'Temporarily unavailable',
    detail: 'Too many pictures are being resized at this moment.',
    headers: { 'retry-after': '1' },
  })
}
