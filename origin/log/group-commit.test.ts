import { describe, expect, it } from 'vitest'
import type { NewMessage } from '#drizzle/queries/log.ts'
import { createGroupCommit } from './group-commit.ts'

const message = (key: string): NewMessage => ({ topic: 't', partition: 0, key, value: null, headers: null })

/** Appends that wait for a word before they are written. */
function gated() {
  const written: string[][] = []
  const gates: (() => void)[] = []
  const group = createGroupCommit(
    async (messages) => {
      const keys = messages.map(({ key }) => key)
      written.push(keys)
      await new Promise<void>((resolve) => gates.push(resolve))
      if (keys.includes('bad')) throw new Error('bad data')
      if (keys.includes('away')) throw new Error('away')
      return []
    },
    () => {},
    (error) => (error as Error).message === 'bad data',
  )
  const open = async () => {
    await expect.poll(() => gates.length).toBeGreaterThan(0)
    gates.shift()!()
  }
  return { group, written, open }
}

describe('group commit', () => {
  it('writes together what arrives while another write is under way, in order', async () => {
    const { group, written, open } = gated()
    const first = group.append([message('1')])
    await expect.poll(() => written.length).toBe(1)
    const others = [group.append([message('2'), message('3')]), group.append([message('4')])]
    await open()
    await first
    await open()
    await Promise.all(others)
    expect(written).toEqual([['1'], ['2', '3', '4']])
  })

  it('lets only the call fail whose data is at fault', async () => {
    const { group, open } = gated()
    const calls = [group.append([message('1')]), group.append([message('bad')]), group.append([message('3')])]
    const settled = Promise.allSettled(calls)
    for (let writes = 0; writes < 4; writes++) await open()
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('lets all calls fail, without a second try, when the database is away', async () => {
    const { group, written, open } = gated()
    const settled = Promise.allSettled([group.append([message('away')]), group.append([message('2')])])
    await open()
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(written.length).toBe(1)
  })
})
