import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createToggle } from './optimistic.ts'

describe('an optimistic switch', () => {
  it('shows at once and tells the server afterwards', async () => {
    const shown: boolean[] = []
    const sent: boolean[] = []
    const toggle = createToggle(
      false,
      async (on) => void sent.push(on),
      (on) => shown.push(on),
    )
    const settled = toggle.flip()
    expect(shown).toEqual([true])
    await settled
    expect(sent).toEqual([true])
  })

  it('goes back, with the reason, when the server refuses', async () => {
    const shown: [boolean, unknown][] = []
    const refusal = new Error('no')
    const toggle = createToggle(
      true,
      () => Promise.reject(refusal),
      (on, error) => shown.push([on, error]),
    )
    await toggle.flip()
    expect(shown).toEqual([
      [false, undefined],
      [true, refusal],
    ])
    expect(toggle.on()).toBe(true)
  })

  it('leaves the server with what was wanted last, one call at a time, however often it was flipped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 12 }), async (pauses) => {
        let stored = false
        let running = 0
        const send = async (on: boolean) => {
          expect(++running).toBe(1)
          await Promise.resolve()
          stored = on
          running--
        }
        const toggle = createToggle(false, send, () => {})
        const flips: Promise<void>[] = []
        for (const pause of pauses) {
          flips.push(toggle.flip())
          if (pause) await Promise.resolve()
        }
        await Promise.all(flips)
        expect(stored).toBe(toggle.on())
        expect(stored).toBe(pauses.length % 2 === 1)
      }),
    )
  })
})
