import { expect, it } from 'vitest'
import type { Site } from './site.ts'

/** People who decide who follows them. */
export function privacy(on: () => Site): void {
  it('a private account is asked, and answers in the notifications', async () => {
    const [owner, asking, refused] = await on().newcomers(3)
    const { page, open, close } = await on().visitAs(owner!)
    await open(`/u/${owner!.username}`)
    const isPrivate = page.getByRole('switch', { name: 'Private account' })
    expect(await isPrivate.getAttribute('aria-checked')).toBe('false')
    const stored = page.waitForResponse(
      (answer) => answer.url().endsWith('/v1/me') && answer.request().method() === 'PATCH',
    )
    await isPrivate.press('Space')
    expect((await stored).status()).toBe(200)
    expect(await isPrivate.getAttribute('aria-checked')).toBe('true')

    for (const person of [asking!, refused!]) {
      const visit = await on().visitAs(person)
      await visit.open(`/u/${owner!.username}`)
      await visit.page.getByText('This account is private.').waitFor()
      await visit.page.locator('.profile-head .follow').click()
      await visit.page.locator('.profile-head .follow', { hasText: 'Requested' }).waitFor()
      await visit.close()
    }

    await page.reload()
    await page.getByRole('link', { name: 'Follow requests' }).click()
    const requests = page.getByRole('region', { name: 'Follow requests' })
    await requests.getByRole('button', { name: `Accept ${asking!.displayName}` }).press('Enter')
    await requests.getByRole('link', { name: asking!.displayName }).waitFor({ state: 'detached' })
    // The keyboard is where it can go on.
    const decline = requests.getByRole('button', { name: `Decline ${refused!.displayName}` })
    await requests
      .getByRole('button', { name: `Accept ${refused!.displayName}` })
      .and(page.locator(':focus'))
      .waitFor()
    await decline.click()
    await requests.waitFor({ state: 'hidden' })
    await open(`/u/${owner!.username}`)
    await page.getByRole('button', { name: '1 follower', exact: true }).click()
    await page.getByRole('dialog', { name: 'Followers' }).getByRole('link', { name: asking!.displayName }).waitFor()
    await close()
  })

  it('what a profile says is changed where it stands', async () => {
    const [person] = await on().newcomers(1)
    const { page, open, close } = await on().visitAs(person!)
    await open(`/u/${person!.username}`)
    await page.getByRole('button', { name: 'Edit profile' }).click()
    const sheet = page.getByRole('dialog', { name: 'Edit profile' })
    // A short page, which the backdrop darkens as a whole.
    expect(await page.evaluate('document.body.getBoundingClientRect().bottom >= innerHeight')).toBe(true)
    await sheet.getByLabel('Name').fill('Somebody Else')
    await sheet.getByLabel('About').fill('Likes boats.')
    await sheet.getByRole('button', { name: 'Save' }).click()
    await sheet.waitFor({ state: 'detached' })
    await page.getByRole('heading', { name: 'Somebody Else' }).waitFor()
    await page.reload()
    await page.getByText('Likes boats.').waitFor()
    await close()
  })
}
