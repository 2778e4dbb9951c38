import { describe, expect, it } from 'vitest'
import { Problem } from '#core/problem.ts'
import { createAdmission } from './admission.ts'

const refusalOf = (work: () => unknown): Problem | undefined => {
  try {
    work()
    return undefined
  } catch (fault) {
    if (fault instanceof Problem) return fault
    throw fault
  }
}

describe('admission', () => {
  it('refuses what does not fit, at once, with a time to come back', () => {
    const admission = createAdmission(100)
    admission.enter(60)
    const refused = refusalOf(() => admission.enter(41))
    expect([refused?.status, refused?.code, refused?.headers['retry-after']]).toEqual([503, 'image-busy', '1'])
    expect(refusalOf(() => admission.enter(40))).toBeUndefined()
  })

  it('gives back what a ticket held, once, however often it leaves', () => {
    const admission = createAdmission(100)
    const ticket = admission.enter(50)
    ticket.grow(30)
    expect(refusalOf(() => ticket.grow(30))?.code).toBe('image-busy')
    ticket.leave()
    ticket.leave()
    admission.enter(100)
    expect(refusalOf(() => admission.enter(1))?.code).toBe('image-busy')
  })
})
