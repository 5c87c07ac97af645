// Names and values, one below the other.

export function showFacts(list, facts) {
  list.replaceChildren(
    ...facts.flatMap(([name, value]) => {
      const term = document.createElement("dt");
      const description = document.createElement("dd");
      term.textContent = name;
      description.textContent = value;
      return [term, description];
    }),
  );
}
