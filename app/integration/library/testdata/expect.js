// What the suites check with, beside node:assert.
"use strict";

const assert = require("node:assert/strict");

// refused checks that a call fails with this HTTP status and code, as the library reports both.
async function refused(status, code, call) {
  await assert.rejects(call, (e) => {
    assert.equal(e.status, status, e.message);
    assert.equal(e.code, code, e.message);
    assert.equal(typeof e.message, "string");
    assert.match(e.moreInfo, /^https:\/\//);
    return true;
  });
}

// thereAndBack walks through a list by its pages to the end and back to the beginning, and returns the SIDs of each page
// of both ways.
async function thereAndBack(list, options) {
  const there = [];
  const back = [];
  const sids = (page) => page.instances.map((instance) => instance.sid);
  let page = await list.page(options);
  for (;;) {
    there.push(sids(page));
    const next = await page.nextPage();
    if (!next) break;
    page = next;
  }
  for (;;) {
    back.unshift(sids(page));
    const previous = await page.previousPage();
    if (!previous) break;
    page = previous;
  }
  return { there, back };
}

module.exports = { assert, refused, thereAndBack };
