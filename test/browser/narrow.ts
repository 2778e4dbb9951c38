import { expect, it } from 'vitest'
import { until } from '../e2e/until.ts'
import type { Site } from './site.ts'
import { overhang } from './visit.ts'

const LONG_NAME = 'Maximiliane von Hohenstaufen-Wittelsbach'
const LONG_WORD = 'Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichen'

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
    // The styles of so small a window come a frame later, and what they move another.
    await page.locator('.brand').waitFor({ state: 'hidden' })
    await until('a tiny window has no horizontal scroll', async () => (await overhang(page)) === 0)
    await until('the console has named what is not there', async () => on().forgive('404') === 1)
    expect(Object.values(wide), JSON.stringify(wide)).toEqual(Object.values(wide).map(() => 0))
    await close()
  })

  it('of 390 pixels holds long names, long words and posts without a photo', async () => {
    const [host, talker] = await on().newcomers(2)
    const text = `${'A long thought about light and water. '.repeat(8)}\n\n${LONG_WORD} #end`
    await talker!.byApi.ask('PATCH', '/v1/me', { displayName: LONG_NAME })
    const said = await talker!.byApi.post(text)
    const shown = await host!.byApi.post(text)
    await talker!.byApi.ask('POST', `/v1/posts/${shown.id}/comments`, { body: text })
    await host!.byApi.ask('PATCH', '/v1/me', { isPrivate: true })
    await talker!.byApi.follow(host!.byApi)
    const { page, open, close } = await on().visitAs(host!, { width: 390, height: 800, isMobile: true })
    const wide: Record<string, number> = {}
    for (const [path, awaited] of [
      [`/u/${talker!.username}`, 'A long thought'],
      [`/p/${said.id}`, LONG_WORD],
      [`/p/${shown.id}`, 'Reply'],
    ] as const) {
      await open(path)
      await page.getByText(awaited).first().waitFor()
      wide[path] = await overhang(page)
    }
    await until('what happened has been told', async () => {
      await open('/notifications')
      await page.getByRole('heading', { name: 'Notifications' }).waitFor()
      await page.waitForLoadState('networkidle')
      const told = ['Follow requests', 'commented on your post.'].map((words) => page.getByText(words).first())
      return (await Promise.all(told.map((words) => words.isVisible()))).every(Boolean)
    })
    wide.notifications = await overhang(page)
    expect(Object.values(wide), JSON.stringify(wide)).toEqual(Object.values(wide).map(() => 0))
    await close()
  })
}
