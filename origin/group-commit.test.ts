import { describe, expect, it } from 'vitest'
import { createGroupCommit } from './group-commit.ts'

/** Writes that wait for a word before they are made. */
function gated() {
  const written: string[][] = []
  const gates: (() => void)[] = []
  const group = createGroupCommit<string, string>(
    async (items) => {
      written.push([...items])
      await new Promise<void>((resolve) => gates.push(resolve))
      if (items.includes('bad')) throw new Error('bad data')
      if (items.includes('away')) throw new Error('away')
      return items.map((item) => `${item}!`)
    },
    (error) => (error as Error).message === 'bad data',
  )
  const open = async () => {
    await expect.poll(() => gates.length).toBeGreaterThan(0)
    gates.shift()!()
  }
  return { group, written, open }
}

describe('group commit', () => {
  it('writes together what arrives while another write is under way, in order, and answers each caller its own', async () => {
    const { group, written, open } = gated()
    const first = group.append(['1'])
    await expect.poll(() => written.length).toBe(1)
    const others = [group.append(['2', '3']), group.append(['4'])]
    await open()
    expect(await first).toEqual(['1!'])
    await open()
    expect(await Promise.all(others)).toEqual([['2!', '3!'], ['4!']])
    expect(written).toEqual([['1'], ['2', '3', '4']])
  })

  it('lets only the call fail whose data is at fault', async () => {
    const { group, open } = gated()
    const calls = [group.append(['1']), group.append(['bad']), group.append(['3'])]
    const settled = Promise.allSettled(calls)
    for (let writes = 0; writes < 4; writes++) await open()
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('lets all calls fail, without a second try, when the database is away', async () => {
    const { group, written, open } = gated()
    const settled = Promise.allSettled([group.append(['away']), group.append(['2'])])
    await open()
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(written.length).toBe(1)
  })

  it('lets all calls fail when a write answers fewer results than it was given items', async () => {
    const group = createGroupCommit<string, string>(
      async (items) => items.slice(1),
      () => false,
    )
    const settled = await Promise.allSettled([group.append(['1']), group.append(['2'])])
    expect(settled.map((one) => (one.status === 'rejected' ? String(one.reason) : one.value))).toEqual(
      Array(2).fill('Error: a write of 2 items answered 1 results'),
    )
  })
})
