"""Key policies of AWS as Cedar: the whole document, or a refusal that names the element which cannot be said."""
