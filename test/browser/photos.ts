import { expect, it } from 'vitest'
import { until } from '../e2e/until.ts'
import type { Site } from './site.ts'
import { decodedWidth } from './visit.ts'

export function photos(on: () => Site): void {
  it('show in the feed of a demo person who signed in with one click, over a blurred stand-in', async () => {
    const [ann] = on().people
    const { page, cards, signInAs, close } = await on().visit()
    await signInAs(ann!.displayName)
    expect(await page.title()).toBe('For you · Tideline')
    const [first, second] = [cards.nth(0), cards.nth(1)]
    expect(await decodedWidth(first)).toBeGreaterThan(100)
    expect(await decodedWidth(second)).toBeGreaterThan(100)
    expect(await first.locator('.frame').first().getAttribute('style')).toMatch(
      /background-image: url\("data:image\/png/,
    )
    await close()
  })

  it('go on as far as one scrolls, each post once, newest first', async () => {
    const [ann] = on().people
    const { page, postIds, signInAs, close } = await on().visit()
    await signInAs(ann!.displayName)
    await page.getByRole('link', { name: 'Following' }).click()
    await until('there are more than two pages', async () => {
      await page.mouse.wheel(0, 4_000)
      return (await postIds()).length > 60
    })
    const ids = await postIds()
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toEqual(ids.toSorted((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1)))
    await close()
  })
}
