import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StandingRow } from '#drizzle/queries/log.ts'
import { planAssignment } from './assignment.ts'

/** The table as the database would answer it: who owns what, with dead owners among the free. */
function table(owners: readonly (string | null)[], living: readonly string[]): StandingRow[] {
  const byOwner = Map.groupBy([...owners.entries()], ([, owner]) => (owner && living.includes(owner) ? owner : null))
  return [...byOwner].map(([owner, partitions]) => ({
    group: 'g',
    topic: 't',
    owner,
    partitions,
    members: living.length,
  }))
}

describe('assignment', () => {
  it('shares all partitions fairly, whoever comes and goes, and then moves nothing', () => {
    const member = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const start = fc.array(fc.option(member), { minLength: 1, maxLength: 20 })
    const living = fc.uniqueArray(member, { minLength: 1 })
    fc.assert(
      fc.property(start, living, (before, members) => {
        const owners = [...before]
        let moved = true
        for (let round = 0; moved && round < 5; round++) {
          moved = false
          for (const me of members) {
            const { take, release } = planAssignment(table(owners, members), me)
            for (const { partition } of take) owners[partition] = me
            for (const partition of release) owners[partition] = null
            moved ||= take.length + release.length > 0
          }
        }
        expect(moved).toBe(false)
        const share = Math.ceil(owners.length / members.length)
        for (const me of members) expect(owners.filter((owner) => owner === me).length).toBeLessThanOrEqual(share)
        expect(owners.every((owner) => owner !== null && members.includes(owner))).toBe(true)
      }),
    )
  })

  it('names the dead owner that it replaces, so that a race is decided by compare and set', () => {
    const plan = planAssignment(table(['dead', 'b', null], ['a', 'b']), 'a')
    expect(plan.take).toEqual([
      { partition: 0, expected: 'dead' },
      { partition: 2, expected: null },
    ])
  })
})
