/** The page without its style and script. Everything it shows is put in by the script, as text. */
export const MARKUP = /* html */ `
<header>
  <h1>MCP servers over REST</h1>
  <p>
    <a href="openapi.json">openapi.json</a>
    <label>Authorization <input id="authorization" type="password" autocomplete="off" placeholder="Bearer …"></label>
    <button id="load" type="button">Load</button>
  </p>
</header>
<main>
  <section aria-labelledby="tools-heading">
    <h2 id="tools-heading">Tools</h2>
    <ul id="tools"></ul>
    <p id="problems" role="alert"></p>
  </section>
  <section aria-labelledby="call-heading">
    <h2 id="call-heading">Call</h2>
    <form id="call">
      <p><strong id="chosen">Choose a tool.</strong> <span id="description"></span></p>
      <details><summary>Input schema</summary><pre id="schema"></pre></details>
      <label for="arguments">Arguments (JSON)</label>
      <textarea id="arguments" rows="6" spellcheck="false">{}</textarea>
      <button id="send" disabled>Call</button>
    </form>
    <pre id="result" aria-live="polite"></pre>
  </section>
  <section aria-labelledby="events-heading">
    <h2 id="events-heading">Events <small id="connection"></small></h2>
    <ol id="events"></ol>
  </section>
  <section aria-labelledby="routes-heading">
    <h2 id="routes-heading">Routes</h2>
    <table><tbody id="routes"></tbody></table>
  </section>
</main>
`;
