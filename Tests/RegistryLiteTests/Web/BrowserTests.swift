import Domain
import Foundation
import RegistryCore
import Testing

@testable import RegistryLite

/// What only a real browser can tell.
@Suite("In a browser", .serialized) struct BrowserTests {
    /// A browser that is signed in by the form, as a person would be.
    private func signedIn(_ site: SiteFixture, then path: String) async throws -> HeadlessBrowser {
        let browser = try await HeadlessBrowser()
        try await browser.open(site.base + "/signin/?next=" + PathEncoding.queryValue(path))
        for (field, text) in [("username", "ada"), ("password", "password")] {
            try await browser.evaluate("document.getElementById('\(field)').focus()")
            try await browser.type(text)
        }
        try await browser.evaluate("document.querySelector('.sign-in form').requestSubmit()")
        let target = HeadlessBrowser.quoted(path)
        try await browser.wait("location.pathname === \(target) && document.readyState === 'complete'")
        return browser
    }

    @Test("SEC-XSS: the page's own module follows the same table of cases as the server") func ansiTable() async throws
    {
        let site = try await SiteFixture()
        let browser = try await HeadlessBrowser()
        try await browser.open(site.base + "/")
        let module = try SamplePages.staticFiles.get().root + "/js/ansi.js"
        let wrong = try await browser.evaluate(
            """
            (async () => {
              const { parse } = await import("\(module)");
              const cases = JSON.parse(\(HeadlessBrowser.quoted(AnsiCase.table)));
              return cases.filter(({ raw, runs }) => JSON.stringify(parse(raw).runs.map((run) => [run.classes, run.text]))
                !== JSON.stringify(runs)).map((each) => each.name);
            })()
            """)
        #expect(wrong.array == [])
    }

    @Test("a line arrives while the page is open, the state follows, and a cancellation ends it") func liveLog()
        async throws
    {
        let site = try await SiteFixture()
        let proof = try await site.repository("ada/app", of: try await site.user("ada"))
        let build = try await site.build(in: proof)
        try await site.log(build, [BuildLogEntry(message: "here before the page")])
        let browser = try await signedIn(site, then: "/repository/ada/app/build/\(build.uuid)")
        try await browser.wait("document.getElementById('L1').textContent.includes('here before the page')")
        #expect(
            try await browser.evaluate("document.querySelector('.state').textContent.trim()").string
                == "Waiting for available build worker")

        try await site.log(
            build,
            [
                BuildLogEntry(message: "building", kind: .phase),
                BuildLogEntry(message: "STEP 1/1: RUN x", kind: .command),
                BuildLogEntry(message: "\u{1B}[32m<b>arrived</b>\u{1B}[0m"),
            ], phase: .building)
        try await browser.wait("document.querySelector('#L4 .f2')?.textContent === '<b>arrived</b>'")
        try await browser.wait(
            "document.querySelector('.state').textContent.trim() === 'Building image from Dockerfile'")
        try await browser.wait("document.getElementById('announcer').textContent.includes('Building image')")
        #expect(try await browser.evaluate("document.querySelectorAll('#L4 b').length").integer == 0)
        #expect(try await browser.evaluate("document.querySelectorAll('[id^=L]').length").integer == 4)

        try await browser.evaluate("document.querySelector('[data-cancel]').click()")
        try await browser.wait("document.getElementById('cancel').open")
        try await browser.evaluate("document.querySelector('#cancel button[value=yes]').click()")
        try await browser.wait(
            "document.querySelector('.state').textContent.trim() === 'This build was previously cancelled.'")
        try await browser.wait("document.getElementById('log-end').textContent === 'End of the log.'")
        #expect(try await site.services.builds.find(build.uuid, in: proof).build.phase == .cancelled)
        #expect(browser.problems == [])
    }

    @Test("the keyboard finds help, search and lines; line addresses open what they name") func keyboard() async throws
    {
        let site = try await SiteFixture()
        let proof = try await site.repository("ada/app", of: try await site.user("ada"))
        let build = try await site.build(in: proof)
        try await site.log(
            build,
            [
                BuildLogEntry(message: "STEP 1/2: RUN a", kind: .command), BuildLogEntry(message: "apples"),
                BuildLogEntry(message: "STEP 2/2: RUN b", kind: .command), BuildLogEntry(message: "pears"),
            ])
        let path = "/repository/ada/app/build/\(build.uuid)"
        let browser = try await signedIn(site, then: path)
        try await browser.press("?")
        try await browser.wait("document.getElementById('help').open")
        try await browser.press("Escape")
        try await browser.wait("!document.getElementById('help').open")
        try await browser.press("o")
        try await browser.wait("document.querySelectorAll('#log-body details[open]').length === 0")
        try await browser.press("/")
        try await browser.wait("document.activeElement.id === 'log-search'")
        try await browser.type("pears")
        try await browser.wait("document.getElementById('log-hits').textContent === '1 line'")
        try await browser.press("Enter")
        try await browser.wait("document.querySelector('#L4.here').closest('details').open")
        try await browser.press("Escape")
        try await browser.evaluate("location.hash = 'L2'")
        try await browser.wait("document.getElementById('L2').closest('details').open")
        try await browser.press("g")
        try await browser.press("b")
        try await browser.wait("location.search === '?tab=builds'")
        #expect(browser.problems == [])
    }

    @Test("no page is wider than a small screen, and every control is large enough to touch") func smallScreen()
        async throws
    {
        let site = try await SiteFixture()
        let proof = try await site.repository("ada/app", of: try await site.user("ada"))
        let build = try await site.build(in: proof)
        try await site.log(build, [BuildLogEntry(message: String(repeating: "wide", count: 500))])
        let browser = try await signedIn(site, then: "/")
        try await browser.resize(width: 400, height: 800)
        for path in [
            "/", "/repository/ada/app", "/repository/ada/app?tab=builds", "/repository/ada/app/build/\(build.uuid)",
        ] {
            try await browser.open(site.base + path)
            let width = try await browser.evaluate("document.documentElement.scrollWidth").integer
            #expect(try #require(width) <= 400, "\(path)")
            let small = try await browser.evaluate(
                """
                [...document.querySelectorAll("button, .button, summary, .tabs a, .filters a, input:not([type=hidden], [type=radio], [type=checkbox])")]
                  .filter((each) => each.offsetParent !== null && each.getBoundingClientRect().height < 44)
                  .map((each) => each.outerHTML.slice(0, 80))
                """)
            #expect(small.array == [], "\(path)")
        }
        #expect(browser.problems == [])
    }
}
