// The address that the page of phones had before it became a part of the console.
location.replace(`./#/phones${location.search}`);
