import { expect, it } from 'vitest'
import { until } from '../e2e/until.ts'
import type { Site } from './site.ts'
import { overhang } from './visit.ts'

export function narrow(on: () => Site): void {
  it('of 390 pixels has no horizontal scroll on any view', async () => {
    const [ann] = on().people
    const { page, cards, open, signInAs, close } = await on().visit({ width: 390, height: 800, isMobile: true })
    await open('/')
    await page.getByRole('heading', { name: 'Look around as' }).waitFor()
    const wide: Record<string, number> = { 'sign-in': await overhang(page) }
    await signInAs(ann!.displayName)
    wide.feed = await overhang(page)
    await page.getByRole('button', { name: 'New post' }).click()
    await page.getByRole('dialog', { name: 'New post' }).waitFor()
    wide.compose = await overhang(page)
    await page.keyboard.press('Escape')
    await cards.first().locator('.when').click()
    await page.locator('.post').waitFor()
    wide.post = await overhang(page)
    await page.getByRole('link', { name: 'Your profile' }).click()
    await page.locator('.profile-head').waitFor()
    wide.profile = await overhang(page)
    await open(`/search?q=${encodeURIComponent(ann!.displayName)}`)
    await page.getByRole('region', { name: 'People' }).waitFor()
    wide.search = await overhang(page)
    await page.getByRole('link', { name: 'Notifications' }).click()
    await page.getByRole('heading', { name: 'Notifications' }).waitFor()
    wide.notifications = await overhang(page)
    await open('/nonsense')
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
    wide.nothing = await overhang(page)
    await page.setViewportSize({ width: 320, height: 640 })
    wide.tiny = await overhang(page)
    await until('the console has named what is not there', async () => on().forgive('404') === 1)
    expect(Object.values(wide), JSON.stringify(wide)).toEqual(Object.values(wide).map(() => 0))
    await close()
  })
}
