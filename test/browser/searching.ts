import { expect, it } from 'vitest'
import { until } from '../e2e/until.ts'
import type { Site } from './site.ts'

export function searching(on: () => Site): void {
  it('finds people, hashtags and posts as one writes, under an address of its own', async () => {
    const [ann, ben] = on().people
    const { page, signInAs, close } = await on().visit()
    await signInAs(ann!.displayName)
    await page.getByRole('link', { name: 'Search' }).click()
    const box = page.getByRole('searchbox')
    expect(await box.evaluate((element: { matches(selector: string): boolean }) => element.matches(':focus'))).toBe(
      true,
    )

    await box.fill(ben!.displayName)
    await page.getByRole('region', { name: 'People' }).getByRole('link', { name: ben!.displayName }).waitFor()

    const { tag, posts } = await on().commonTag()
    await box.fill(`#${tag}`)
    await page
      .getByRole('region', { name: 'Hashtags' })
      .getByRole('link', { name: `#${tag} ${posts} posts` })
      .waitFor()
    const tiles = page.getByRole('region', { name: 'Posts' }).locator('a.tile')
    await until('the posts show', async () => (await tiles.count()) >= Math.min(posts, 3))
    expect(new URL(page.url()).searchParams.get('q')).toBe(`#${tag}`)

    await tiles.first().click()
    await page.locator('.post').waitFor()
    await page.goBack()
    await tiles.first().waitFor()
    await box.fill('zzqqxxnothing')
    await page.getByText('No posts for “zzqqxxnothing”.').waitFor()
    await close()
  })
}
