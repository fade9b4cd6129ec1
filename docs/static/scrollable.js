// Code and tables that are wider than the page can be scrolled with the keyboard too.
const mark = () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper")) {
    box.toggleAttribute("tabindex", false);
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
};
addEventListener("DOMContentLoaded", mark);
addEventListener("resize", mark);
