import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { link } from "../live.ts";
import { people, unnamed } from "../people.ts";
import { MyState } from "../person/my-state.tsx";
import { clearFilter, counts, group, groups, kind, KINDS, search, shown } from "./filter.ts";
import { moveInGrid, pageKeys } from "./keys.ts";
import { SilentSources } from "./silent-sources.tsx";
import { Tile } from "./tile.tsx";

/** Tiles that are made at once; the others follow a few at a time, so that the page never stands still. */
const FIRST_TILES = 48;
const MORE_TILES = 24;

/** Everybody's tile. */
export function Wallboard(): JSX.Element {
  useEffect(() => {
    document.addEventListener("keydown", pageKeys);
    return () => {
      document.removeEventListener("keydown", pageKeys);
    };
  }, []);
  return (
    <main class="board" data-stale={link.value === "stale"}>
      <h1 class="unseen">Wallboard</h1>
      <div class="tools">
        <MyState />
        <label class="search">
          <span class="unseen">Search by name, number or group</span>
          <input id="search" type="search" placeholder="Search  ( / )" autocomplete="off" spellcheck={false} value={search.value} onInput={(event) => (search.value = event.currentTarget.value)} />
        </label>
        {groups.value.length > 0 && (
          <label class="group">
            <span class="unseen">Group or site</span>
            <select value={group.value} onChange={(event) => (group.value = event.currentTarget.value)}>
              <option value="">All groups</option>
              {groups.value.map((name) => (
                <option key={name} value={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        <Kinds />
      </div>
      <SilentSources />
      <Grid />
    </main>
  );
}

function Kinds(): JSX.Element {
  return (
    <div class="kinds" role="group" aria-label="Show only">
      {KINDS.map(([name, title]) => (
        <button key={name} type="button" class="chip" data-kind={name} aria-pressed={kind.value === name} onClick={() => (kind.value = kind.value === name ? null : name)}>
          {title} <b>{counts.value[name]}</b>
        </button>
      ))}
    </div>
  );
}

function Grid(): JSX.Element {
  const list = useRef<HTMLUListElement>(null);
  const limit = useSignal(FIRST_TILES);
  const total = useComputed(() => shown.value.length);
  useSignalEffect(() => {
    if (limit.value >= total.value) return;
    const next = requestAnimationFrame(() => {
      limit.value += MORE_TILES;
    });
    return () => {
      cancelAnimationFrame(next);
    };
  });
  if (people.value.length === 0) return <Nobody />;
  if (total.value === 0) {
    return (
      <div class="empty">
        <h2>Nobody fits</h2>
        <p>No one has this name, number, group or state.</p>
        <button type="button" class="primary" onClick={clearFilter}>Show everybody</button>
      </div>
    );
  }
  return (
    <>
      <ul
        id="people"
        class="grid"
        role="list"
        aria-label="People"
        ref={list}
        onKeyDown={(event) => {
          if (list.current !== null) moveInGrid(event, list.current);
        }}
      >
        {shown.value.slice(0, limit.value).map((person, index) => (
          <Tile key={person.aor} person={person} isFirst={index === 0} />
        ))}
      </ul>
      {unnamed.value > 0 && <p class="quiet rest">and {unnamed} more people, whom the search of the API finds</p>}
    </>
  );
}

function Nobody(): JSX.Element {
  if (link.value === "connecting") {
    return (
      <ul class="grid" aria-label="Loading" aria-busy="true">
        {Array.from({ length: 12 }, (_, index) => (
          <li key={index} class="cell"><div class="tile ghost" /></li>
        ))}
      </ul>
    );
  }
  return (
    <div class="empty">
      <h2>Nobody is here yet</h2>
      <p>Write people into the directory file; they appear here as soon as it is read again.</p>
    </div>
  );
}
