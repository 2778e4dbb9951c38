import { expect, it } from 'vitest'
import { until } from '../e2e/until.ts'
import type { Site } from './site.ts'

export function people(on: () => Site): void {
  it('who are unfollowed have left the feed by the time one is back, and stay away', async () => {
    const [, , cleo] = on().people
    const { page, cards, signInAs, close } = await on().visit()
    await signInAs(cleo!.displayName)
    await page.getByRole('link', { name: 'Following' }).click()
    await until('there are cards', async () => (await cards.count()) > 3)
    const author = await cards.nth(1).getAttribute('data-author')
    const theirs = page.locator(`article[data-author="${author}"]`)
    expect(await theirs.count()).toBeGreaterThan(0)
    await cards.nth(1).locator('a.name').click()
    const follow = page.locator(`.profile-head [data-follow="${author}"]`)
    const stored = page.waitForResponse((answer) => answer.url().endsWith(`/v1/users/${author}/follow`))
    await follow.dblclick()
    expect((await stored).ok()).toBe(true)
    expect(await follow.getAttribute('aria-pressed')).toBe('false')
    await page.goBack()
    await cards.first().waitFor()
    expect(await theirs.count()).toBe(0)
    await page.reload()
    await cards.first().waitFor()
    expect(await theirs.count()).toBe(0)
    await close()
  })

  it('who are followed stay so over a reload, and their posts come under “Following” without one', async () => {
    const [reader, stranger] = await on().strangers()
    const { page, cards, open, signInAs, close } = await on().visit()
    await signInAs(reader.displayName)
    await page.getByRole('link', { name: 'Following' }).click()
    await cards.first().waitFor()
    await page.getByRole('link', { name: 'Search' }).click()
    await page.getByRole('searchbox').fill(`@${stranger.username}`)
    await page.getByRole('link', { name: stranger.displayName }).first().click()
    const follow = page.locator('.profile-head .follow')
    const followers = page.locator('.profile-head [data-followers] strong')
    const before = Number(await followers.getAttribute('title'))
    const stored = page.waitForResponse((answer) => answer.url().endsWith('/follow'))
    await follow.click()
    expect((await stored).ok()).toBe(true)
    expect(Number(await followers.getAttribute('title'))).toBe(before + 1)
    const profile = page.url()
    await until('their posts have come', async () => {
      await page.getByRole('link', { name: 'For you' }).click()
      await page.getByRole('link', { name: 'Following', exact: true }).click()
      await cards.first().waitFor()
      return (await page.locator(`article[data-author="${stranger.id}"]`).count()) > 0
    })
    await open(profile)
    await page.locator('.profile-head .follow', { hasText: 'Following' }).waitFor()
    await close()
  })

  it('sign out, and nobody is signed in after it', async () => {
    const [ann] = on().people
    const { page, signInAs, close } = await on().visit()
    await signInAs(ann!.displayName)
    await page.getByRole('link', { name: 'Your profile' }).click()
    const signOut = page.getByRole('button', { name: 'Sign out' })
    await signOut.waitFor()
    expect(await signOut.getAttribute('aria-pressed')).toBeNull()
    await signOut.click()
    await page.getByRole('heading', { name: 'Look around as' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Look around as' }).waitFor()
    await close()
  })
}
